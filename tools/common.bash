# Shared by the tools of this folder: how they speak, and how they come by mmdebstrap.
# shellcheck shell=bash

# stdout belongs to what a caller evaluates or reads, so everything said to a person goes to stderr.
say() { printf '%s: %s\n' "tools/${0##*/}" "$*" >&2; }
refuse() { say "$@" && exit 1; }
misuse() { printf '%s\n' "$USAGE" >&2 && exit 2; }

now() { echo "${EPOCHREALTIME/[.,]/}"; } # microseconds
took() { local us=$(($(now) - $1)) && printf '%d.%d s' $((us / 1000000)) $((us / 100000 % 10)); }

# What the images of the example in folder $1 are built with: .venv, an engine, its base image, wheels.
prepare_example() {
  local exports
  tools/venv
  exports=$(tools/engine up)
  eval "$exports"
  tools/base-image
  .venv/bin/python examples/sentence-embeddings/fetch_wheels.py "$1" >&2
  if [[ $(tools/engine status) == *"the private engine" ]]; then
    say "the private engine goes on running; tools/engine down stops it, with --purge its images go too"
  fi
}

is_debian() { [[ -r /etc/os-release ]] && (. /etc/os-release && [[ " $ID ${ID_LIKE-} " == *" debian "* ]]); }

# Says why Debian packages can't be unpacked into a root here, or nothing.
why_no_debian_root() {
  if ! is_debian; then
    echo "this host isn't Debian"
  elif [[ $(id -u) != 0 ]]; then
    echo "that needs root"
  elif ! unshare --mount true 2>/dev/null; then
    echo "that needs CAP_SYS_ADMIN, which this container lacks (docker run --privileged)"
  fi
}

install_mmdebstrap() {
  if ! command -v mmdebstrap >/dev/null; then
    local start && start=$(now)
    say "installing mmdebstrap with apt-get"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      mmdebstrap debian-archive-keyring; } >&2 ||
      refuse "mmdebstrap can't be installed: apt-get reaches no Debian mirror"
    say "installed mmdebstrap in $(took "$start")"
  fi
}

# mmdebstrap in a process group of its own, for end_bootstrap: the signal that ends a script must end all of it, soon.
bootstrap() {
  install_mmdebstrap
  setsid mmdebstrap --quiet "$@" >&2 &
  bootstrap_group=$!
  wait "$bootstrap_group" || return
  bootstrap_group=
}

end_bootstrap() {
  if [[ -n ${bootstrap_group-} ]] && kill -- "-$bootstrap_group" 2>/dev/null; then wait "$bootstrap_group" || true; fi
}
