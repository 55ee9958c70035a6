# Places that cannot be a store: each says so, says what to do, and stays as it was.
. "$TESTS/tools/cases.sh"
stage >store.recipe <<'E'
- run: echo text >/file
E
echo 'image: { from: base }' >>store.recipe
: >file
mkdir other full empty
: >full/something
chmod 755 full
chown 12345 other
ln -s gone dangling
ln -s empty link
for store in file file/below dangling other full /proc/store; do
	try store.recipe --progress none --store "$store"
done
stat -c '%a %n' full
try store.recipe --progress none --store link
stat -c '%a %n' empty
unset HOME XDG_CACHE_HOME
try store.recipe --progress none
HOME=relative try store.recipe --progress none
# The rest in mounts of its own.
cat >mounts.sh <<'E'
. "$TESTS/tools/cases.sh"
mkdir disk
echo "-- overlayfs" >&2
mount -t tmpfs none disk
mkdir disk/lower disk/upper disk/work disk/merged
mount -t overlay overlay -o lowerdir=disk/lower,upperdir=disk/upper,workdir=disk/work disk/merged
try store.recipe --progress none --store disk/merged/store
umount disk/merged disk
echo "-- read-only" >&2
mount -t tmpfs none disk
ggbuild store.recipe --progress none --store disk/store
mount -o remount,ro disk
try store.recipe --progress none --store disk/new
try store.recipe --progress none --store disk/store -o oci:out
try store.recipe --progress none --store disk/store --no-cache
umount disk
echo "-- full" >&2
for size in 16k 3m; do
	mount -t tmpfs -o size=$size none disk
	try store.recipe --progress none --store disk/store -o oci:out
	umount disk
done
echo "-- full during a step, and when the lock is written" >&2
mount -t tmpfs -o size=8m none disk
sed 's/echo text/cat \/dev\/zero/' store.recipe >fills.recipe
try fills.recipe --jobs 1 --progress none --store disk/store -o oci:out
cp rootfs.tar store.recipe disk
cat /dev/zero >disk/zero 2>/dev/null || :
try disk/store.recipe --progress none --store store
ls -A disk
umount disk
E
unshare -m sh -eu mounts.sh
[ ! -e out ]
