# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Why a feed, or something of it, was refused: a kind for each, so that a playbook can tell them apart."""

from __future__ import annotations

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError


class FeedRefused(HeadroomError):
    """Nothing of this feed is used."""

    kind = "feed_refused"


class InvalidFeed(FeedRefused):
    """What the feed says is not what such a file says, or names what it must not name."""

    kind = "invalid_feed"


class NotSigned(FeedRefused):
    """There is no signature, and the task did not say that none is needed."""

    kind = "not_signed"


class BadSignature(FeedRefused):
    """The content is not what was signed."""

    kind = "bad_signature"


class WrongKey(FeedRefused):
    """It was signed, but not by a key that the task names."""

    kind = "wrong_key"


class ExpiredKey(FeedRefused):
    """The key, or the signature, is past its time, or was revoked."""

    kind = "expired_key"


class RolledBack(FeedRefused):
    """The feed is older than the one that was seen before."""

    kind = "rolled_back"


class ExpiredFeed(FeedRefused):
    """The feed is past the time until which its publisher stands by it, or older than the task allows."""

    kind = "expired_feed"


class WrongFeed(FeedRefused):
    """It is another feed than the one that was read at this address before."""

    kind = "wrong_feed"


class TransferFailed(HeadroomError):
    """A server did not deliver: not there, too slow, or a redirection that is not followed."""

    kind = "transfer_failed"


class Truncated(TransferFailed):
    """The transfer ended before its end."""

    kind = "truncated"


class TooLarge(HeadroomError):
    """There is more than was announced, or than is allowed."""

    kind = "too_large"
