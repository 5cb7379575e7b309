#!/usr/bin/env bash
# scripts/prove-gateway ARCHIVE   proves a release archive on a real system: a Debian of its own in a virtual
# machine, with systemd as its first process and no right clock at power-on. For instance:
#   scripts/release x86_64-unknown-linux-musl
#   sudo scripts/prove-gateway target/release-archives/fitsync-*-x86_64-unknown-linux-musl.tar.gz
# armv7 archives run on an emulated 32-bit ARM board: the same proof, much slower.
# It installs by scripts/install, connects participants by `sudo fitsync login`, lets the timer sync to the
# simulator over TLS, cuts the power in mid-sync, looks at journal and files, upgrades and removes.
# Needs root on Debian or Ubuntu. The first run makes the system (target/gateway), later runs use it again.
set -euo pipefail
cd "$(dirname "$0")/.."

archive=${1:?name a release archive; see the head of this script}
case $archive in
  *armv7*) arch=armhf kernel=linux-image-armmp ;;
  *x86_64*) arch=amd64 kernel=linux-image-cloud-amd64 ;;
  *) echo "prove-gateway: $archive is neither for armv7 nor for x86_64" >&2; exit 2 ;;
esac
suite=bookworm
work=$PWD/target/gateway/$arch
ssh_port=2222 page_port=8088
name=fitsync-sim.test # the simulator's name in the guest: the host, seen from inside

passed=0
pass() { passed=$((passed + 1)); echo "PASS $*"; }
fail() {
  echo "FAIL $*" >&2
  echo "the guest's console: $work/console.log; the simulator: $work/simulator.log" >&2
  exit 1
}
# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "$what did not happen"
    sleep 1
  done
}

pids=()
registered=''
clean_up() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  if [[ $registered ]]; then echo -1 >"$registered"; fi
}
trap clean_up EXIT

# --- The guest's system ----------------------------------------------------------------------------------

install_packages() {
  local packages=(debootstrap e2fsprogs openssh-client openssl python3)
  if [[ $arch == armhf ]]; then packages+=(qemu-system-arm qemu-user-static); else packages+=(qemu-system-x86); fi
  dpkg-query -W "${packages[@]}" >/dev/null 2>&1 && return
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# Lets this machine start the guest's ARM programs while the system is made.
allow_arm_programs() {
  local misc=/proc/sys/fs/binfmt_misc
  mountpoint -q $misc || mount -t binfmt_misc none $misc
  [[ ! -e $misc/qemu-arm && ! -e $misc/fitsync-arm ]] || return 0
  printf '%s' ':fitsync-arm:M::\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:' \
    '\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\x00\xfe\xff\xff\xff:/usr/bin/qemu-arm-static:F' >$misc/register
  registered=$misc/fitsync-arm
}

make_system() {
  local root=$work/root mirror packages
  rm -rf "$work"
  mkdir -p "$work"
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" 'Created-By: Packages' | head -n 1)
  packages=systemd,systemd-sysv,systemd-timesyncd,dbus,udev,openssh-server,sudo,ca-certificates,procps,initramfs-tools
  debootstrap --foreign --arch $arch --variant=minbase --include=$packages $suite "$root" ${mirror:+"$mirror"} >"$work/make.log"
  if [[ $arch == armhf ]]; then allow_arm_programs; fi
  chroot "$root" /debootstrap/debootstrap --second-stage >>"$work/make.log"

  # Only what the virtual machine's disk needs: a full initial file system takes a quarter of an hour under emulation.
  echo MODULES=list >"$root/etc/initramfs-tools/conf.d/small"
  printf '%s\n' virtio_pci virtio_mmio virtio_blk ext4 >"$root/etc/initramfs-tools/modules"
  chroot "$root" apt-get install -y -qq --no-install-recommends $kernel >>"$work/make.log" 2>&1

  echo gateway >"$root/etc/hostname"
  printf '127.0.0.1 localhost gateway\n10.0.2.2 %s\n' $name >"$root/etc/hosts"
  echo '/dev/vda / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
  printf '[Match]\nName=e*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/all.network"
  mkdir -p "$root/etc/systemd/timesyncd.conf.d" "$root/var/log/journal"
  printf '[Time]\nNTP=10.0.2.2\nFallbackNTP=\n' >"$root/etc/systemd/timesyncd.conf.d/host.conf"
  systemctl --root="$root" --quiet enable systemd-networkd.service systemd-timesyncd.service
  ssh-keygen -q -t ed25519 -N '' -f "$work/key"
  chroot "$root" useradd --create-home --shell /bin/bash tech
  echo 'tech ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/tech"
  install -d -m 0700 "$root/home/tech/.ssh"
  cp "$work/key.pub" "$root/home/tech/.ssh/authorized_keys"
  chroot "$root" chown -R tech: /home/tech

  cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
  cp "$root"/boot/initrd.img-* "$work/initrd"
  mkfs.ext4 -q -d "$root" "$work/base.ext4" 2G
  rm -rf "$root"
  touch "$work/made"
}

# --- The guest -------------------------------------------------------------------------------------------

power_on() {
  local machine=(-M 'q35,accel=kvm:tcg' -cpu max) console=ttyS0
  if [[ $arch == armhf ]]; then machine=(-M 'virt,highmem=off' -cpu cortex-a15) console=ttyAMA0; fi
  # A box without a battery-backed clock starts somewhere in the past.
  "qemu-system-$([[ $arch == armhf ]] && echo arm || echo x86_64)" "${machine[@]}" -m 512 -smp 2 -nographic -no-reboot \
    -rtc base=2024-01-01T00:00:00 -kernel "$work/vmlinuz" -initrd "$work/initrd" \
    -append "root=/dev/vda rw console=$console quiet" -drive "file=$work/disk.ext4,format=raw,if=virtio" \
    -nic "user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:$ssh_port-:22,hostfwd=tcp:127.0.0.1:$page_port-:8000" \
    </dev/null >>"$work/console.log" 2>&1 &
  machine_pid=$!
  pids+=("$machine_pid")
  wait_for 300 "the guest's start" guest true
}
power_cut() {
  kill -9 "$machine_pid"
  wait "$machine_pid" 2>/dev/null || true
}

guest() {
  ssh -q -i "$work/key" -p $ssh_port -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=5 -o LogLevel=ERROR tech@127.0.0.1 "$@"
}
guest_journal() { guest sudo journalctl --no-pager -o cat -u fitbit-sync.service; }

# --- The world outside -----------------------------------------------------------------------------------

# The right time, for whoever asks (SNTP in its shortest form).
serve_time() {
  python3 - <<'PYTHON' &
import socket, struct, time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 123))
while True:
    query, peer = server.recvfrom(1024)
    now = int((time.time() + 2208988800) * 2**32)
    server.sendto(struct.pack("!BBbbII4sQ8sQQ", 0x24, 1, 6, -20, 0, 0, b"TEST", now, query[40:48], now, now), peer)
PYTHON
  pids+=($!)
}

start_simulator() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj "/CN=test authority" \
    -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$work/sim.key" 2>/dev/null |
    openssl x509 -req -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 2 -out "$work/sim.pem" \
      -extfile <(printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:%s,IP:127.0.0.1' $name) 2>/dev/null
  cargo build --quiet --locked --package fitsync-sim
  target/debug/fitsync-sim --participants 5 --tls-cert "$work/sim.pem" --tls-key "$work/sim.key" \
    >"$work/about.json" 2>"$work/simulator.log" &
  pids+=($!)
  wait_for 30 "the simulator's start" grep -q control "$work/about.json"
  control=$(about '["control"]')
}
about() { python3 -c "import json; print(json.load(open('$work/about.json'))$1)"; }
simulator() { target/debug/fitsync-sim call --control "$control" "$@"; }
asked() { (($(requests) >= $1)); }
requests() { simulator counts | python3 -c 'import json, sys; print(json.load(sys.stdin)["requests"])'; }

# Every ended day of the look-back of participant $1 stands in the bucket, byte for byte.
is_complete() {
  simulator objects >"$work/objects.json"
  simulator expected "who=p$1" "user_id=user_00$1" "from=$(date -d '5 days ago' +%F)" "to=$(date -d '2 days ago' +%F)" >"$work/expected.json"
  python3 - "$work" <<'PYTHON'
import json, sys
objects = {item["key"]: item["sha256"] for item in json.load(open(sys.argv[1] + "/objects.json"))}
expected = json.load(open(sys.argv[1] + "/expected.json"))
wrong = [file["key"] for file in expected if objects.get(file["key"]) != file["sha256"]]
sys.exit(bool(wrong) or len(expected) < 8)
PYTHON
}

# The operator's shell and the participant's browser: the address goes out, the page's address is pasted back.
login() {
  local ssh
  rm -f "$work/answers"
  mkfifo "$work/answers"
  guest sudo fitsync login "user_00$1" <"$work/answers" >"$work/address" 2>"$work/login.log" &
  ssh=$!
  exec 3>"$work/answers"
  wait_for 60 "the sign-in address of user_00$1" grep -q '^http.*' "$work/address"
  target/debug/fitsync-sim consent --control "$control" --url "$(<"$work/address")" --who "p$1" >&3
  wait $ssh || fail "login user_00$1: $(<"$work/login.log")"
  exec 3>&-
  pass "sudo fitsync login user_00$1"
}

# --- The proof -------------------------------------------------------------------------------------------

install_packages
[[ -f $work/made ]] || make_system
cp --sparse=always "$work/base.ext4" "$work/disk.ext4"
: >"$work/console.log"
power_on; pass up; guest uname -a; guest systemctl list-units --failed; guest systemd-analyze; guest timedatectl; power_cut; power_on; pass again
