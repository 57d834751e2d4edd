#!/usr/bin/env bash
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Build the documentation site into docs/build. Run by ./dev docs, inside its environment.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
site=$root/docs/build

rm -rf "$site"
mkdir -p "$site"
antsibull-docs sphinx-init --use-current --squash-hierarchy --fail-on-error --sphinx-theme alabaster \
    --project headroom.libvirt --title headroom.libvirt --dest-dir "$site" headroom.libvirt >/dev/null
cat >>"$site/conf.py" <<'CONF'
# Nothing is fetched, so links into other projects' documentation stay plain text.
intersphinx_mapping = {}
suppress_warnings = ["ref.ref", "ref.envvar"]
CONF
# Guides show pictures, which antsibull-docs does not know of: they join what it wrote just before Sphinx reads it.
sed -i "s|^sphinx-build |cp -r '$root/docs/docsite/images' rst/images\n&|" "$site/build.sh"
bash "$site/build.sh" >/dev/null
PYTHONPATH="$root/tests" python -m tools.links "$site/build/html"
echo "$site/build/html/index.html"
