#!/usr/bin/env bash
# Makes the images that need no registry (keelson.dev/pause:1, keelson.dev/demo:1 and :2) as OCI archives, and imports them.
#
#   tools/make-images.sh OUT_DIR                    make the archives
#   tools/make-images.sh OUT_DIR CONTAINERD_SOCKET  make them, then import those that are absent
#
# Needs: cc, python3, busybox (Debian: busybox-static), and ctr for the import. Archives that are there are kept.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/.." && pwd)
out=${1:?usage: tools/make-images.sh OUT_DIR [CONTAINERD_SOCKET]}
socket=${2:-}
busybox=$(command -v busybox) || { echo "busybox is missing: apt-get install busybox-static" >&2; exit 1; }
mkdir -p "$out"

image() { python3 "$source_dir/tools/oci_image.py" "$@"; }
newer() { [ -f "$1" ] && [ "$1" -nt "$2" ] && [ "$1" -nt "$source_dir/tools/oci_image.py" ]; }

if ! newer "$out/pause-1.tar" "$source_dir/cri-shim/pause/pause.c"; then
  "${CC:-cc}" -static -Os -s -o "$out/pause" "$source_dir/cri-shim/pause/pause.c"
  image pause "$out/pause" "$out/pause-1.tar"
fi
for version in 1 2; do
  newer "$out/demo-$version.tar" "$busybox" || image demo "$busybox" "$version" "$out/demo-$version.tar"
done

[ -n "$socket" ] || exit 0
present=$(ctr -a "$socket" -n k8s.io images ls -q)
for name in pause:1 demo:1 demo:2; do
  archive=$out/${name/:/-}.tar
  if grep -qx "keelson.dev/$name" <<<"$present" && [ "$archive" -ot "$out/.imported-${name/:/-}" ]; then continue; fi
  ctr -a "$socket" -n k8s.io images import "$archive" >/dev/null
  touch "$out/.imported-${name/:/-}"
  echo "imported keelson.dev/$name"
done
