# Sourced by the scripts of this folder: messages, the check of the machine, packages of Debian.

die() { echo "$(basename "$0"): $*" >&2; exit 1; }
say() { echo "$(basename "$0"): $*" >&2; }

need_debian_12() {
  local id='' codename=''
  if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && echo "${ID:-}")
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  fi
  [ "$id $codename" = "debian bookworm" ] ||
    die "made for Debian 12; this is ${id:-unknown} ${codename:-}. Install $1 yourself and put it on PATH."
}

# Folders that a minimal PATH leaves out, though programs of Debian's packages live there.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

need_packages() { # NAME...: install those that are missing
  local p missing=()
  for p in "$@"; do
    case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true) in
      *' ok installed') ;;
      *) missing+=("$p") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "as root, please: apt-get install --no-install-recommends ${missing[*]}"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq -o DPkg::Lock::Timeout=300 update >&2
  apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}" >&2
}

process_has() { # PID WORD: does it run, with that word in its command line?
  grep -qzF -- "$2" "/proc/$1/cmdline" 2>/dev/null
}
