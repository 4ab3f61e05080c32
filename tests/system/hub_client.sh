#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The real huggingface_hub (from PyPI, in a venv of its own) beside `model get`, against the hub of tests/support: what we fetched it
# finds whole and does not fetch again, what it fetched we find whole, and a hub that misleads it would mislead us.
# usage: tests/system/hub_client.sh PROGRAM
set -eu
program=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
mkfifo "$work/in" "$work/out"
python3 "$here/../support/hub.py" "$work/log" <"$work/in" >"$work/out" &
exec 3>"$work/in"
trap 'exec 3>&-; rm -rf "$work"' EXIT
read -r port store <"$work/out"
export HF_ENDPOINT="http://127.0.0.1:$port" HF_HOME="$work/hf" HF_HUB_DISABLE_XET=1 HF_TOKEN=hf_good0canary
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet huggingface_hub
fetched() { grep -c '"GET", "path": "[^"]*\(resolve\|signature\)' "$work/log" || true; }
snapshot() {
  "$work/venv/bin/python" - "$@" <<'PYTHON'
import os
import sys
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
from huggingface_hub import snapshot_download, __version__
print("huggingface_hub", __version__, *sys.argv[1:3])
snapshot_download(sys.argv[1], local_dir=sys.argv[2], ignore_patterns=["*.bin", "onnx/*", ".gitattributes"])
PYTHON
}
for owner in ok gated; do
  "$program" model get "$owner/model" --to "$work/$owner" --state "$work/state" --yes >/dev/null
  before=$(fetched)
  snapshot "$owner/model" "$work/$owner"
  [ "$(fetched)" = "$before" ] || { echo "$owner: huggingface_hub fetched again"; exit 1; }
done
snapshot ok/model "$work/theirs-ok"
before=$(fetched)
"$program" model get ok/model --to "$work/theirs-ok" --state "$work/state" --yes 2>&1 | grep -q 'all 10 files are there'
[ "$(fetched)" = "$before" ] || { echo "model get fetched again"; exit 1; }
diff -r -x .cache "$work/ok" "$work/theirs-ok"
echo "both find whole what the other fetched"
