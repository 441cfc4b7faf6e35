#!/usr/bin/env python3
"""Writes one-layer OCI image archives of the project's own images, without a registry or a container tool.

  oci_image.py pause PAUSE_BINARY OUT.tar
  oci_image.py demo BUSYBOX_BINARY VERSION OUT.tar

The same input always gives the same bytes: times are zero, entries sorted.
"""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

START = """#!/bin/sh
# Serves the host's name and the version on $PORT until asked to stop.
port=${PORT:-8080}
trap 'kill "$server" 2>/dev/null; echo "demo %s stopped"; exit 0' TERM INT
httpd -f -p "$port" -h /www &
server=$!
echo "demo %s on $(hostname) listens on port $port"
wait "$server"
"""
PAGE = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "hello from $(hostname), version %s"
echo "$REQUEST_METHOD $REQUEST_URI from $REMOTE_ADDR" >&2
"""
PASSWD = "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = "root:x:0:\nnobody:x:65534:\n"


class Layer:
    """A tar with fixed times and owners."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.USTAR_FORMAT)

    def entry(self, path, kind, mode, data=b"", target=""):
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(data), target
        self.tar.addfile(info, io.BytesIO(data))

    def folder(self, path, mode=0o755):
        self.entry(path, tarfile.DIRTYPE, mode)

    def file(self, path, data, mode=0o644):
        self.entry(path, tarfile.REGTYPE, mode, data if isinstance(data, bytes) else data.encode())

    def link(self, path, target):
        self.entry(path, tarfile.SYMTYPE, 0o777, target=target)

    def bytes(self):
        self.tar.close()
        return self.buffer.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write_image(out, name, layer, config):
    """One OCI layout as a tar: layer, config, manifest and an index naming the image."""
    packed = gzip.compress(layer, mtime=0)
    config_bytes = json.dumps({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "keelson"}],
    }, sort_keys=True).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config_bytes), "size": len(config_bytes)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(packed), "size": len(packed)}],
    }, sort_keys=True).encode()
    index = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(manifest), "size": len(manifest),
                       "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1]}}],
    }, sort_keys=True).encode()
    archive = Layer()
    archive.file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    archive.file("index.json", index)
    for blob in (config_bytes, manifest, packed):
        archive.file("blobs/sha256/" + digest(blob)[7:], blob)
    with open(out + ".tmp", "wb") as handle:
        handle.write(archive.bytes())
    os.replace(out + ".tmp", out)


def read(path):
    with open(path, "rb") as handle:
        return handle.read()


def pause(binary, out):
    layer = Layer()
    layer.file("pause", read(binary), 0o755)
    write_image(out, "keelson.dev/pause:1", layer.bytes(), {"Entrypoint": ["/pause"]})


def demo(busybox, version, out):
    layer = Layer()
    for path in ("bin", "dev", "etc", "proc", "sys", "www", "www/cgi-bin"):
        layer.folder(path)
    layer.folder("tmp", 0o1777)
    layer.file("bin/busybox", read(busybox), 0o755)
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in sorted(set(applets) - {"busybox"}):
        layer.link("bin/" + applet, "busybox")
    layer.file("etc/passwd", PASSWD)
    layer.file("etc/group", GROUP)
    layer.file("start", START % (version, version), 0o755)
    layer.file("www/cgi-bin/index.cgi", PAGE % version, 0o755)
    write_image(out, "keelson.dev/demo:" + version, layer.bytes(),
                {"Cmd": ["/start"], "Env": ["PATH=/bin"], "ExposedPorts": {"8080/tcp": {}}, "WorkingDir": "/"})


def main():
    arguments = sys.argv[1:]
    if len(arguments) == 3 and arguments[0] == "pause":
        pause(*arguments[1:])
    elif len(arguments) == 4 and arguments[0] == "demo":
        demo(*arguments[1:])
    else:
        sys.exit(__doc__)


main()
