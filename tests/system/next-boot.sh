#!/usr/bin/env bash
# next-boot.sh: does the forecast of the next boot come true? A whole Debian 12 on a disk of its own, started by SeaBIOS and
# GRUB in qemu (without KVM: slow), four times. Each boot writes what is there, changes one thing, and foretells the next.
# A GPU and the driver are stand-ins (a file tree over sysfs; a DKMS module of a few lines); kernels, dpkg, DKMS, update-grub and
# GRUB are the real ones.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
need_tools
for tool in qemu-system-x86_64 sfdisk mke2fs debugfs; do
  command -v "$tool" >/dev/null || skip "$tool is not installed (apt-get install qemu-system-x86 fdisk e2fsprogs)"
done
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM must name a program that runs on Debian 12"
driver=580.159.04
base_root bookworm nextboot-bookworm linux-image-cloud-amd64,linux-headers-cloud-amd64,dkms,gcc,make,kmod,initramfs-tools,grub-pc,e2fsprogs,udev,pciutils,xz-utils
root=$cache/nextboot-run
rm -rf --one-file-system "$root"
mkdir -p "$root"
tar -C "$root" --exclude='./dev/*' -xf "$cache/nextboot-bookworm.tar"
for node in "null 1 3" "zero 1 5" "random 1 8" "urandom 1 9" "console 5 1"; do
  read -r name major minor <<<"$node"
  mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done
old=$(basename "$(ls -d "$root"/boot/vmlinuz-*)" | sed 's/vmlinuz-//')

told "a newer kernel, with its headers beside it, from the backports"
cp /etc/resolv.conf "$root/etc/resolv.conf"
if [ ! -d "$cache/nextboot-debs" ]; then
  echo "deb $mirror bookworm-backports main" >"$root/etc/apt/sources.list.d/backports.list"
  chroot "$root" apt-get -qq update || skip "Debian's archive does not answer"
  chroot "$root" apt-get -qq -y -d --no-install-recommends -t bookworm-backports install linux-image-cloud-amd64 linux-headers-cloud-amd64 >/dev/null
  mkdir -p "$cache/nextboot-debs.new"
  cp "$root"/var/cache/apt/archives/*.deb "$cache/nextboot-debs.new/"
  mv "$cache/nextboot-debs.new" "$cache/nextboot-debs"
  rm -f "$root/etc/apt/sources.list.d/backports.list" "$root"/var/cache/apt/archives/*.deb
fi
image=$(basename "$(ls "$cache"/nextboot-debs/linux-image-[0-9]*.deb)")
new=$(echo "$image" | sed 's/^linux-image-//; s/_.*//')
echo "runs $old; $new is to come"
mkdir -p "$root/root/debs"
cp "$cache"/nextboot-debs/*.deb "$root/root/debs/"

told "a driver by DKMS, a GPU on the bus"
source=$root/usr/src/nvidia-$driver
mkdir -p "$source"
printf '#include <linux/module.h>\nMODULE_LICENSE("Dual MIT/GPL");\nMODULE_VERSION("%s");\n' "$driver" >"$source/nvidia.c"
printf 'obj-m := nvidia.o\n' >"$source/Kbuild"
printf 'PACKAGE_NAME="nvidia"\nPACKAGE_VERSION="%s"\nBUILT_MODULE_NAME[0]="nvidia"\nDEST_MODULE_LOCATION[0]="/updates/dkms"\nMAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build modules"\nAUTOINSTALL="yes"\n' \
  "$driver" >"$source/dkms.conf"
mount -t proc proc "$root/proc"
chroot "$root" dkms install -m nvidia -v "$driver" -k "$old" >"$root.dkms" 2>&1 || { umount "$root/proc"; fail "DKMS did not build: $(tail -n 5 "$root.dkms")"; }
umount "$root/proc"
mkdir -p "$root/usr/lib/firmware/nvidia/$driver"
echo "a stand-in" >"$root/usr/lib/firmware/nvidia/$driver/gsp_ga10x.bin"
echo "a stand-in" >"$root/usr/lib/x86_64-linux-gnu/libcuda.so.$driver"
echo "blacklist nouveau" >"$root/etc/modprobe.d/nvidia-kept.conf"
gpu=$root/usr/share/stand-in/0000:01:00.0
mkdir -p "$gpu"
for pair in vendor=0x10de device=0x2684 class=0x030000 subsystem_vendor=0x10de subsystem_device=0x167c numa_node=0; do
  echo "${pair#*=}" >"$gpu/${pair%%=*}"
done

told "what each boot does"
cp "$BRINGUP_SYSTEM_PROGRAM" "$root/usr/bin/bringup"
mkdir -p "$root/root/seen"
cat >"$root/usr/sbin/each-boot" <<'INSIDE'
#!/bin/bash
# What is there, then one change, then the forecast; all of it on the disk before the machine goes off.
export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
count=$(($(cat /root/count 2>/dev/null || echo 0) + 1))
echo "$count" >/root/count
seen=/root/seen/$count
mkdir -p "$seen"
mkdir -p /run/bus && cp -a /usr/share/stand-in/. /run/bus/
for device in /sys/bus/pci/devices/*; do ln -s "$(readlink -f "$device")" "/run/bus/${device##*/}"; done
mount --bind /run/bus /sys/bus/pci/devices
uname -r >"$seen/kernel"
modinfo -F version nvidia >"$seen/module" 2>/dev/null || echo none >"$seen/module"
{ modprobe nvidia && cat /sys/module/nvidia/version; } >"$seen/loaded" 2>/dev/null || echo none >"$seen/loaded"
cat /proc/cmdline >"$seen/cmdline"
echo "boot $count: $(cat "$seen/kernel"), module $(cat "$seen/module"), loaded $(cat "$seen/loaded")" >/dev/ttyS0
# shellcheck disable=SC1090
[ ! -f "/root/change-$count" ] || . "/root/change-$count" >"$seen/change" 2>&1
bringup doctor --next-boot --json >"$seen/next-boot.json" 2>"$seen/next-boot.err"
bringup doctor --next-boot >"$seen/next-boot.txt" 2>&1
bringup doctor --json >"$seen/doctor.json" 2>"$seen/doctor.err"
sync
systemctl poweroff --force
INSIDE
chmod 755 "$root/usr/sbin/each-boot"
cat >"$root/etc/systemd/system/each-boot.service" <<'UNIT'
[Unit]
Description=One boot of the test
After=local-fs.target systemd-modules-load.service
[Service]
Type=oneshot
ExecStart=/usr/sbin/each-boot
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl -q enable each-boot.service
cat >"$root/root/change-1" <<'CHANGE'
# an upgrade as apt makes it: the kernel without headers
dpkg --unpack /root/debs/linux-image-[0-9]*.deb && dpkg --configure -a
CHANGE
cat >"$root/root/change-2" <<'CHANGE'
# its headers; DKMS's own hook builds
find /root/debs -name '*.deb' ! -name 'linux-image-*' -exec dpkg --unpack {} +
dpkg --configure -a
CHANGE
cat >"$root/root/change-3" <<CHANGE
# back to the old kernel, saved by its names
sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/' /etc/default/grub
update-grub
menu=\$(sed -n "s/^submenu .* '\(gnulinux-advanced-[^']*\)'.*/\1/p" /boot/grub/grub.cfg)
grub-set-default "\$menu>\$(sed -n "s/.*menuentry .*'\(gnulinux-$old-advanced-[^']*\)'.*/\1/p" /boot/grub/grub.cfg)"
CHANGE
cat >"$root/root/change-4" <<CHANGE
# the new one for one boot, by a number and a name; the saved one stays
grub-reboot "1>\$(sed -n "s/.*menuentry .*'\(gnulinux-$new-advanced-[^']*\)'.*/\1/p" /boot/grub/grub.cfg)"
CHANGE
# what this machine needs and no more: qemu without KVM is slow
sed -i 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=gzip/' "$root/etc/initramfs-tools/initramfs.conf"
printf 'virtio_pci\nvirtio_blk\next4\n' >>"$root/etc/initramfs-tools/modules"

told "a disk with a partition table, GRUB in front of it"
uuid=$(cat /proc/sys/kernel/random/uuid)
echo "UUID=$uuid / ext4 errors=remount-ro 0 1" >"$root/etc/fstab"
sed -i 's/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=1/; s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX="console=ttyS0 panic=1"/' "$root/etc/default/grub"
echo 'GRUB_TERMINAL=console' >>"$root/etc/default/grub"
mount -t proc proc "$root/proc"
chroot "$root" update-initramfs -u -k all >"$root.initramfs" 2>&1 || { umount "$root/proc"; fail "no initramfs: $(tail -n 3 "$root.initramfs")"; }
umount "$root/proc"
mkdir -p "$root/boot/grub/i386-pc"
cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root/boot/grub/i386-pc/"
chroot "$root" grub-mkimage -O i386-pc -o /root/core.img -p '(hd0,msdos1)/boot/grub' biosdisk part_msdos ext2 normal
chroot "$root" grub-editenv /boot/grub/grubenv create
# The first menu is by hand, since nothing here has this disk; the first boot lets update-grub write the real one.
printf 'set default=0\nset timeout=0\nmenuentry first {\n  search --no-floppy --fs-uuid --set=root %s\n  linux /boot/vmlinuz-%s root=UUID=%s ro console=ttyS0 panic=1\n  initrd /boot/initrd.img-%s\n}\n' \
  "$uuid" "$old" "$uuid" "$old" >"$root/boot/grub/grub.cfg"
sed -i '1a update-grub' "$root/root/change-1"
disk=$root.img
rm -f "$disk"
truncate -s 4G "$disk"
echo 'start=2048, type=83, bootable' | sfdisk -q "$disk"
mke2fs -q -t ext4 -O '^metadata_csum_seed,^orphan_file' -U "$uuid" -E offset=1048576 -d "$root" "$disk" 4094M
# boot.img in the first sector, core.img behind it, as grub-install lays them; menu and memory are on the partition.
dd if="$root/usr/lib/grub/i386-pc/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
dd if="$root/root/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none

# in_disk COMMAND: debugfs on the partition.
in_disk() { debugfs -R "$1" "$disk?offset=1048576" 2>/dev/null; }
seen() { in_disk "cat /root/seen/$1"; }
field() { seen "$1" | python3 -c "import json, sys; print(json.load(sys.stdin)['$2'])"; }

# one_boot N: starts the machine and waits until it goes off by itself. Kernel 6.12 dies in cmpxchg16b as qemu 7.2 interprets it.
one_boot() {
  local began=$SECONDS
  timeout 3600 qemu-system-x86_64 -m 1024 -smp 1 -cpu qemu64,-cx16,-svm -nographic -no-reboot -nic none -drive "file=$disk,format=raw,if=virtio" </dev/null >"$root.console-$1" 2>&1 ||
    fail "boot $1 did not end: $(tail -n 5 "$root.console-$1")"
  [ "$(in_disk 'cat /root/count')" = "$1" ] || fail "boot $1 did not get to its end: $(tail -n 5 "$root.console-$1")"
  printf 'boot %s (%s s): kernel %s, module %s\n' "$1" $((SECONDS - began)) "$(seen "$1/kernel")" "$(seen "$1/loaded")"
}

# came_true N: what boot N - 1 foretold of boot N.
came_true() {
  local before=$(($1 - 1)) outlook kernel module
  outlook=$(field "$before/next-boot.json" outlook)
  kernel=$(field "$before/next-boot.json" kernel)
  module=$(field "$before/next-boot.json" driver)
  printf 'foretold: %s, kernel %s, module %s\n' "$outlook" "$kernel" "$module"
  seen "$before/next-boot.txt" | sed 's/^/    /'
  [ "$kernel" = "$(seen "$1/kernel")" ] || fail "the forecast said $kernel, and $(seen "$1/kernel") runs"
  if [ "$outlook" = good ]; then
    [ "$module" = "$(seen "$1/loaded")" ] || fail "the forecast said module $module, and $(seen "$1/loaded") is loaded"
  else
    [ "$(seen "$1/loaded")" = none ] || fail "the forecast said $outlook, and module $(seen "$1/loaded") is loaded"
  fi
}

# expect N KERNEL MODULE: so that the test cannot pass by nothing having happened.
expect() {
  [ "$(seen "$1/kernel") $(seen "$1/loaded")" = "$2 $3" ] || fail "boot $1 was to have $2 and $3: $(seen "$1/change" | tail -n 5)"
}

told "boot 1: as it was installed; then a newer kernel without headers"
one_boot 1
expect 1 "$old" "$driver"
told "boot 2: that kernel; then its headers"
one_boot 2
came_true 2
expect 2 "$new" none
told "boot 3: the same kernel with a module; then the old one is saved"
one_boot 3
came_true 3
expect 3 "$new" "$driver"
told "boot 4: the old kernel; then the new one for one boot"
one_boot 4
came_true 4
expect 4 "$old" "$driver"
told "boot 5: the new kernel for once"
one_boot 5
came_true 5
expect 5 "$new" "$driver"
told "boot 6: the saved one again"
one_boot 6
came_true 6
expect 6 "$old" "$driver"
rm -f "$disk"
echo "six boots, five forecasts, all of them true"
