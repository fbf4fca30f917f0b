#!/bin/busybox sh
# The guest's first process: makes one root of the host's files and the guest's disk, and runs the command in it that came after
# "--" on the kernel's command line. Whatever goes wrong, the machine is switched off.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
trap 'echo "machine: first process failed"; poweroff -f' EXIT
set -e
while read -r module; do insmod "/modules/$module"; done < /modules/order
mount -t virtiofs -o ro host /host
mount -t ext4 -o noatime /dev/vda /disk
mkdir /disk/upper /disk/work /disk/tmp
chmod 1777 /disk/tmp
mount -t overlay -o lowerdir=/host,upperdir=/disk/upper,workdir=/disk/work overlay /root
mount --bind /disk/tmp /root/tmp
# The checkout may lie below the folders that are covered above.
for folder in $(sed -n 's/.*virga.keep=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' '); do
  mkdir -p "/root$folder"
  mount --bind "/host$folder" "/root$folder"
done
modules=$(sed -n 's/.*virga.modules=\([^ ]*\).*/\1/p' /proc/cmdline)
mkdir -p "/root/lib/modules/$(uname -r)"
mount --bind "/host$modules" "/root/lib/modules/$(uname -r)"
# The kernel asks for what it lacks through /sbin/modprobe; the host may have none.
rm -f /root/usr/sbin/modprobe
cp /bin/busybox /root/usr/sbin/modprobe
mount --move /dev /root/dev
# As systemd makes it from the module's own list; opening it loads the module.
mknod -m 0660 /root/dev/loop-control c 10 237
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts devpts /root/dev/pts
mount -t tmpfs tmpfs /root/dev/shm
mount -t tmpfs -o mode=0755 tmpfs /root/run
mount --move /sys /root/sys
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
ip link set lo up
mount --move /proc /root/proc
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
trap - EXIT
exec switch_root /root "$@"
