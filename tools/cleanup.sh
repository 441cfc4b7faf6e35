#!/usr/bin/env bash
# Ends a server, its containerd and its pods, and removes everything that they made: processes, mounts, network namespaces,
# packet rules, the bridge, control groups and both directories. Needs nothing but the directories; safe to repeat.
#
#   tools/cleanup.sh DATA_DIR [RUN_DIR] [BRIDGE]
set -uo pipefail
data=$(readlink -m "${1:?usage: tools/cleanup.sh DATA_DIR [RUN_DIR] [BRIDGE]}")
run=${2:-} bridge=${3:-keelson0}
case $data in / | /usr | /var | /etc | /home | /root | /tmp | /var/lib) echo "refusing to remove $data" >&2; exit 2 ;; esac
agent=$data/agent socket=$data/agent/containerd/containerd.sock

alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }   # a zombie only waits to be read
end() {  # end SECONDS PID...: TERM, then KILL what is left
  local deadline=$((SECONDS + $1)) pid left; shift
  kill "$@" 2>/dev/null
  while :; do
    left=
    for pid in "$@"; do alive "$pid" && left="$left $pid"; done
    [ -n "$left" ] || return 0
    [ $SECONDS -lt $deadline ] || break
    sleep 0.05
  done
  # shellcheck disable=SC2086
  kill -9 $left 2>/dev/null
}
# Processes by their exact arguments, one per line in /proc, never by a loose pattern.
with_arguments() {  # with_arguments NAME ARGUMENT: pids of programs NAME one of whose arguments is ARGUMENT
  local file first
  for file in $(grep -lzxF -- "$2" /proc/[0-9]*/cmdline 2>/dev/null); do
    { IFS= read -r -d '' first <"$file"; } 2>/dev/null
    [ "${first##*/}" = "$1" ] && basename "$(dirname "$file")"
  done
}

# The server first, so that nothing is made again.
if [ -n "$run" ] && server=$(cat "$run/server.pid" 2>/dev/null) && grep -qa keelson "/proc/$server/cmdline" 2>/dev/null; then end 5 "$server"; fi
for server in $(with_arguments keelson "$data"); do end 5 "$server"; done

# containerd, then the pods: their shims and what these run. The pods' network namespaces are known by their inodes.
for pid in $(with_arguments containerd "$agent/containerd/config.toml"); do end 5 "$pid"; done
namespaces=
for shim in $(with_arguments containerd-shim-runc-v2 "$socket"); do
  for child in $(pgrep -P "$shim"); do
    namespaces="$namespaces $(stat -Lc %i "/proc/$child/ns/net" 2>/dev/null)"
    kill -9 "$child" 2>/dev/null
  done
  kill -9 "$shim" 2>/dev/null
done

# Sandboxes that had an address: their rules, cached results and namespaces carry the sandbox's id.
own=" $namespaces "
host=$(stat -Lc %i /proc/self/ns/net)
for file in "$agent"/cni/ipam/keelson/[0-9]*.[0-9]*; do
  [ -f "$file" ] || continue
  id=$(head -n 1 "$file" | tr -d '\r')
  [ -n "$id" ] || continue
  for cached in /var/lib/cni/results/keelson-"$id"-*; do
    [ -f "$cached" ] || continue
    path=$(grep -o '"sandbox":"[^"]*"' "$cached" | head -n 1 | cut -d'"' -f4)
    [ -n "$path" ] && own="$own$(stat -Lc %i "$path" 2>/dev/null) "
    rm -f "$cached"
  done
  for table in nat filter; do
    iptables-save -t "$table" 2>/dev/null | grep -F "$id" | grep '^-A' | sed 's/^-A/-D/' | while read -r rule; do eval "iptables -w -t $table $rule" 2>/dev/null; done
  done
done
# Chains that only those rules used.
iptables-save -t nat 2>/dev/null | sed -n 's/^:\(CNI-[^ ]*\) .*/\1/p' | while read -r chain; do
  iptables-save -t nat 2>/dev/null | grep -q -- "-j $chain\$" && continue
  case $chain in CNI-HOSTPORT-*) continue ;; esac
  iptables -w -t nat -F "$chain" 2>/dev/null
  iptables -w -t nat -X "$chain" 2>/dev/null
done
for path in /var/run/netns/cni-*; do
  [ -e "$path" ] || continue
  inode=$(stat -Lc %i "$path")
  case $own in *" $inode "*) [ "$inode" != "$host" ] && { umount -l "$path" 2>/dev/null; rm -f "$path"; } ;; esac
done

# The bridge and its rules go with its last pod. The kernel takes a namespace's interfaces away a little later.
deadline=$((SECONDS + 5))
while [ -n "$own" ] && [ -n "$(ip -o link show master "$bridge" 2>/dev/null)" ] && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
if [ -z "$(ip -o link show master "$bridge" 2>/dev/null)" ]; then
  ip link del "$bridge" 2>/dev/null
  nft delete table inet "keelson_$(printf %s "$bridge" | tr -c '[:alnum:]' _)" 2>/dev/null
  for direction in -i -o; do
    while iptables -w -D FORWARD $direction "$bridge" -m comment --comment "keelson pods" -j ACCEPT 2>/dev/null; do :; done
  done
  if ! iptables-save -t nat 2>/dev/null | grep -q -- '-j CNI-DN-'; then
    for chain in PREROUTING OUTPUT; do
      iptables-save -t nat 2>/dev/null | grep -- "^-A $chain .*-j CNI-HOSTPORT-DNAT" | sed 's/^-A/-D/' | while read -r rule; do eval "iptables -w -t nat $rule" 2>/dev/null; done
    done
    iptables-save -t nat 2>/dev/null | grep -- "^-A POSTROUTING .*-j CNI-HOSTPORT-MASQ" | sed 's/^-A/-D/' | while read -r rule; do eval "iptables -w -t nat $rule" 2>/dev/null; done
    for step in -F -X; do
      for chain in CNI-HOSTPORT-DNAT CNI-HOSTPORT-MASQ CNI-HOSTPORT-SETMARK; do iptables -w -t nat $step $chain 2>/dev/null; done
    done
  fi
fi

# What containerd and runc keep outside of the directory: results of the loopback plugin, states, sockets of the shims.
for task in "$agent"/containerd/state/io.containerd.runtime.v2.task/*/*; do
  [ -d "$task" ] || continue
  id=$(basename "$task")
  rm -f /var/lib/cni/results/*-"$id"-*
  rm -rf "/run/containerd/runc/k8s.io/${id:?}" /run/containerd/fifo/*"$id"*
done
for file in "$agent"/containerd/state/io.containerd.runtime.v2.task/*/*/address; do
  [ -f "$file" ] && rm -f "$(sed 's|^unix://||' "$file")"
done
rmdir /run/containerd/runc/k8s.io /run/containerd/runc /run/containerd/fifo /run/containerd/s /run/containerd /var/lib/cni/results /var/lib/cni 2>/dev/null

# Mounts (deepest first), control groups, files.
mounts() { awk -v dir="$data" '$5 == dir || index($5, dir "/") == 1 {print length($5), $5}' /proc/self/mountinfo | sort -rn | cut -d' ' -f2-; }
mounts | while read -r path; do umount -l "$path" 2>/dev/null; done
for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ -d "$root/kubepods" ] && find "$root/kubepods" -depth -type d -exec rmdir {} + 2>/dev/null
done
if [ -n "$(mounts)" ]; then echo "still mounted, so not removed:" >&2; mounts >&2; exit 1; fi
rm -rf -- "$data"
[ -z "$run" ] || rm -rf -- "$run"
exit 0
