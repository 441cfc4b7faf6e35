#!/usr/bin/env bash
# Makes the images that need no registry (keelson.dev/pause:1, keelson.dev/demo:1 and :2) as OCI archives, and imports them.
#
#   tools/make-images.sh [--out DIR]                        make the archives (DIR: build/images)
#   tools/make-images.sh [--out DIR] --import DATA_DIR      make them, then import into the containerd of that data directory
#   tools/make-images.sh [--out DIR] --socket SOCKET        ... into the containerd at that socket
#
# Needs: cc, python3, busybox (Debian: busybox-static), and ctr for the import. What is there already is kept.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/.." && pwd)
out=$source_dir/build/images socket=
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2; shift 2 ;;
    --import) socket=$2/agent/containerd/containerd.sock; shift 2 ;;
    --socket) socket=$2; shift 2 ;;
    *) sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2; exit 2 ;;
  esac
done
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
deadline=$((SECONDS + 30))
until present=$(ctr -a "$socket" -n k8s.io images ls -q 2>/dev/null); do
  [ $SECONDS -lt $deadline ] || { echo "no containerd answers at $socket" >&2; exit 1; }
  sleep 0.1
done
for name in pause:1 demo:1 demo:2; do
  archive=$out/${name/:/-}.tar
  if grep -qx "keelson.dev/$name" <<<"$present"; then continue; fi
  ctr -a "$socket" -n k8s.io images import "$archive" >/dev/null
  echo "imported keelson.dev/$name"
done
