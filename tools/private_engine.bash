# The private engine of tools/engine: a dockerd with a root, data, network and life of its own.
# shellcheck shell=bash

engine_home=$(realpath -m -- "${TFDOCKER_ENGINE_HOME:-/var/lib/tfdocker-engine}")
bridge=tfd-$(printf '%08x' "$(cksum <<<"$engine_home" | cut -d ' ' -f 1)")
readonly engine_home bridge root=$engine_home/root socket=$engine_home/docker.sock
readonly pid_file=$engine_home/engine.pid log=$engine_home/engine.log own_host=unix://$engine_home/docker.sock

# True while the process in the pid file is this folder's engine, not a stranger that was given its number.
is_running() {
  [[ -r $pid_file ]] && grep -qzxF -- "--data-root=$engine_home/data" "/proc/$(<"$pid_file")/cmdline" 2>/dev/null
}

# Debian packages in a folder of their own: nothing of the host is upgraded or replaced.
build_root() {
  local start && start=$(now)
  say "making the engine's root from Debian packages"
  rm -rf --one-file-system "$root.new" # of an `up` that was killed
  bootstrap --variant=minbase --aptopt='Acquire::Languages "none"' \
    --include=docker.io,docker-cli,docker-buildx,docker-compose,iptables,iproute2,procps,ca-certificates \
    trixie "$root.new" ||
    refuse "mmdebstrap failed, see above; without a Debian mirror, install docker.io and start it"
  mv "$root.new" "$root"
  say "made it in $(took "$start")"
}

# Becomes PID 1 of new mount and PID namespaces: when it ends, each process and mount of the engine ends with it.
enter_root() {
  read -r pid _ </proc/self/stat # its number on the host, since /proc is still the host's
  echo "$pid" >"$pid_file"
  mount --bind "$root" "$root"
  mkdir -p "$root/old" "$root$engine_home"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/run"                # sockets of containerd and its shims, apart from any other's
  mount --bind "$engine_home" "$root$engine_home" # the same path on either side
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  [[ ! -e /etc/ssl/certs/ca-certificates.crt ]] || cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  # Of the caller's environment only the proxies: PATH, TMPDIR or SSL_CERT_FILE may name what the root lacks.
  mapfile -t proxies < <(env | grep -i '^[a-z]*_proxy=' || true)
  cd "$root" || exit
  pivot_root . old # in a plain chroot dockerd fails: "remount /"
  exec /usr/sbin/chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "${proxies[@]}" engine_home="$engine_home" \
    bridge="$bridge" /bin/bash -euc "$(declare -f run_dockerd add_bridge); run_dockerd --host='$own_host' --group=root \
      --data-root='$engine_home/data' --pidfile=/run/dockerd.pid --bridge='$bridge'"
}

# In the root. Says in `network` first what is about to change, for sweep_network.
run_dockerd() {
  umount -l /old
  if iptables -t nat -S DOCKER >/dev/null 2>&1; then # another engine's chains, which dockerd would flush
    echo "firewall=theirs" >"$engine_home/network"
    add_bridge
    iptables -t nat -A POSTROUTING -s "$subnet" ! -o "$bridge" -j MASQUERADE
    iptables -I FORWARD -i "$bridge" -j ACCEPT
    iptables -I FORWARD -o "$bridge" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    set -- "$@" --iptables=false
  else
    echo "firewall=ours policy=$(iptables -S FORWARD | awk 'NR == 1 {print $3}')" \
      "forward=$(</proc/sys/net/ipv4/ip_forward)" >"$engine_home/network"
    add_bridge
  fi
  exec docker-init -- dockerd "$@"
}

# In the root. A bridge of its own, so that docker0 stays whosever it is; its addresses are `subnet`.
add_bridge() {
  local n
  ip link add "$bridge" type bridge
  for n in {17..31}; do
    [[ $(ip -4 address; ip -4 route) == *" 172.$n."* ]] || break
  done
  subnet=172.$n.0.0/16
  ip address add "172.$n.0.1/16" dev "$bridge"
  ip link set "$bridge" up
}

start_engine() {
  local start driver && start=$(now)
  say "starting dockerd"
  rm -f "$pid_file" "$socket"
  setsid unshare --mount --pid --fork --kill-child -- "$0" enter-root </dev/null >"$log" 2>&1 9>&- &
  launcher=$!
  until is_running && version=$(version_at "$own_host"); do
    kill -0 "$launcher" 2>/dev/null || { tail -n 5 "$log" >&2 && refuse "dockerd ended, see above or $log"; }
    (($(now) - start < 60000000)) || refuse "dockerd doesn't answer after 60 s, see $log"
    sleep 0.1
  done
  launcher=
  driver=$(DOCKER_HOST=$own_host "$root/usr/bin/docker" info --format '{{.Driver}}')
  [[ $driver == overlay2 ]] || say "images are stored by $driver, slower and larger: no overlay2 on $engine_home"
  grep -q firewall=ours "$engine_home/network" || say "beside another engine: only the default network leads outside"
  say "Docker $version answers after $(took "$start")"
}

# What ends in the middle of `up` leaves no process and no half-made root.
undo_up() {
  trap - EXIT
  end_bootstrap
  if [[ -n ${launcher-} ]]; then
    kill -KILL "$launcher" 2>/dev/null || true # takes its whole PID namespace along
    stop_engine
  fi
  rm -rf --one-file-system "$root.new"
}

stop_engine() {
  local pid start
  if is_running; then
    pid=$(<"$pid_file")
    start=$(now)
    say "stopping the private engine"
    kill -TERM "$pid"
    while is_running; do
      (($(now) - start < 60000000)) || kill -KILL "$pid"
      sleep 0.1
    done
    say "stopped it in $(took "$start")"
  fi
  rm -f "$pid_file" "$socket"
  [[ ! -e $engine_home/network ]] || sweep_network
}

# Removes what dockerd leaves in the host's network: bridges, chains, rules, the FORWARD policy, forwarding.
sweep_network() {
  local bridges ours firewall=theirs policy=DROP forward=1
  # shellcheck disable=SC1091  # written by run_dockerd
  . "$engine_home/network"
  bridges="$bridge $(grep -aoE '"BridgeName":"br-[0-9a-f]{12}"' "$engine_home/data/network/files/local-kv.db" |
    cut -d '"' -f 4 | sort -u || true)"
  for name in $bridges; do
    ours+=(-e "$name")
    chroot "$root" ip link delete "$name" 2>/dev/null || true
  done
  # An engine that was started after ours goes on with the chains that are there.
  if [[ $firewall == ours ]] && ! chroot "$root" ip -o link | grep -qE ': (docker0|br-[0-9a-f]{12}|tfd-[0-9a-f]{8}):'; then
    ours+=(-e DOCKER)
    [[ $forward == 1 ]] || echo "$forward" >/proc/sys/net/ipv4/ip_forward
  else
    policy=DROP
  fi
  for table in nat filter; do
    chroot "$root" iptables-save -t "$table" | grep -v "${ours[@]}" | sed "s/^:FORWARD DROP/:FORWARD $policy/" |
      chroot "$root" iptables-restore
  done
  rm "$engine_home/network"
}
