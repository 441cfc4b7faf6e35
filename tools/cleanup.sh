#!/usr/bin/env bash
# tools/cleanup.sh DATA_DIR RUN_DIR: ends what a server with that data directory left running and removes what it made:
# processes, mounts, network namespaces, the bridge, packet rules, files. Touches nothing of anybody else.
set -uo pipefail
data_dir=${1:?data directory} run_dir=${2:?run directory}
case $data_dir in /|/var|/var/lib|/usr*|/etc*|/root|/home) echo "refusing to clean $data_dir"; exit 1 ;; esac

gone() { ! kill -0 "$1" 2>/dev/null; }
end_process() {  # end_process PID SECONDS
  local pid=$1 deadline=$((SECONDS + $2))
  gone "$pid" && return 0
  kill -TERM "$pid" 2>/dev/null
  until gone "$pid"; do
    [ $SECONDS -lt $deadline ] || { kill -KILL "$pid" 2>/dev/null; break; }
    sleep 0.05
  done
}
# Processes whose command line names the data directory: containerd, its shims, and through the shims their containers.
ours() { pgrep -f -- "$data_dir" | grep -vx "$$" || true; }

[ -f "$run_dir/server.pid" ] && end_process "$(cat "$run_dir/server.pid")" 10

socket=$(find "$data_dir" "$run_dir" -name 'containerd.sock' -type s 2>/dev/null | head -n 1)
containers=$( [ -n "$socket" ] && ctr -a "$socket" -n k8s.io containers ls -q 2>/dev/null)
for pid in $( [ -n "$socket" ] && ctr -a "$socket" -n k8s.io tasks ls 2>/dev/null | awk 'NR > 1 {print $2}'); do kill -KILL "$pid" 2>/dev/null; done
for id in $containers; do
  netns=$(ctr -a "$socket" -n k8s.io containers info "$id" 2>/dev/null | sed -n 's|.*"path": "\(/var/run/netns/[^"]*\)".*|\1|p' | head -n 1)
  ctr -a "$socket" -n k8s.io tasks delete -f "$id" >/dev/null 2>&1
  ctr -a "$socket" -n k8s.io containers delete "$id" >/dev/null 2>&1
  [ -n "$netns" ] && ip netns delete "$(basename "$netns")" 2>/dev/null
done
for pid in $(ours); do end_process "$pid" 5; done

awk -v d="$data_dir" -v r="$run_dir" 'index($2, d) == 1 || index($2, r) == 1 {print $2}' /proc/mounts | sort -r | while read -r mount; do
  umount "$mount" 2>/dev/null || umount -l "$mount"
done
ip link delete keelson0 2>/dev/null
for table in nat filter mangle; do
  command -v iptables-save >/dev/null || break
  # Rules first, then the chains that nothing names any more; only those that our CNI configuration made.
  iptables-save -t $table 2>/dev/null | grep -E '^-A .*(keelson|10\.42\.)' | sed 's/^-A/-D/' | while read -r rule; do eval "iptables -t $table $rule" 2>/dev/null; done
  for chain in $(iptables-save -t $table 2>/dev/null | sed -n 's/^:\(CNI-[0-9a-f]\{24\}\|CNI-DN-[0-9a-f]*\|KEELSON[A-Z-]*\) .*/\1/p'); do
    iptables-save -t $table | grep -qE -- "-j $chain( |\$)" && continue
    iptables -t $table -F "$chain" 2>/dev/null; iptables -t $table -X "$chain" 2>/dev/null
  done
done
rm -rf "$data_dir" "$run_dir"
echo "removed $data_dir and everything that ran from it"
