// The hostile attempts that Node can express without native add-ons. Same names and lines as attempts.c.
const fs = require('fs');
const net = require('net');
const child = require('child_process');
const os = require('os');

function verdict(name, allowed, error) {
  console.log(name, allowed ? 'allowed' : 'blocked', allowed ? 0 : Math.abs(error?.errno ?? 0), error?.code ?? '');
}
function attempt(name, action, reached = []) {
  try {
    action();
    verdict(name, true);
  } catch (error) {
    verdict(name, reached.includes(error.code), error);
  }
}
function read(path) {
  const fd = fs.openSync(path, 'r');
  try {
    if (fs.readSync(fd, Buffer.alloc(64)) === 0) throw Object.assign(new Error('empty'), { code: 'ENODATA', errno: -61 });
  } finally {
    fs.closeSync(fd);
  }
}
function create(path) {
  fs.closeSync(fs.openSync(path, 'w'));
  fs.unlinkSync(path);
}
function dial(name, where) {
  return new Promise((done) => {
    const socket = net.connect({ ...where, timeout: 1000 });
    const end = (allowed, error) => {
      verdict(name, allowed, error);
      socket.destroy();
      done();
    };
    socket.on('connect', () => end(true));
    socket.on('error', (error) => end(false, error));
    socket.on('timeout', () => end(false, { code: 'ETIMEDOUT', errno: 110 }));
  });
}

async function main() {
  const { SECRET = '/nonexistent', VICTIM, PORT } = process.env;
  attempt('01.shadow', () => read('/etc/shadow'));
  attempt('02.secret', () => read(SECRET));
  attempt('03.dotdot', () => read('../../../../../../../..' + SECRET));
  for (const [name, path] of [['task', '/var/task'], ['usr', '/usr'], ['root', ''], ['etc', '/etc']]) {
    attempt('04.write-' + name, () => create(path + '/made'));
  }
  attempt('05.core-pattern', () => fs.closeSync(fs.openSync('/proc/sys/kernel/core_pattern', 'r+')));
  attempt('06.sysrq', () => fs.closeSync(fs.openSync('/proc/sysrq-trigger', fs.constants.O_WRONLY)));
  for (const name of ['kcore', 'kallsyms', 'keys']) attempt('06.' + name, () => read('/proc/' + name));
  attempt('07.init-mem', () => fs.closeSync(fs.openSync('/proc/1/mem', 'r')));
  attempt('07.init-environ', () => fs.closeSync(fs.openSync('/proc/1/environ', 'r')));
  attempt('09.self-exe', () => fs.closeSync(fs.openSync('/proc/self/exe', fs.constants.O_WRONLY)), ['ETXTBSY']);
  attempt('10.dev-kmsg', () => fs.closeSync(fs.openSync('/dev/kmsg', 'r')));
  if (VICTIM) attempt('18.kill-host', () => process.kill(Number(VICTIM), 'SIGKILL'));
  attempt('30.setuid', () => process.setuid(0));
  attempt('31.nice', () => os.setPriority(0, -20));
  attempt('36.cgroupfs', () => fs.statSync('/sys/fs/cgroup'));
  attempt('38.hardlink', () => {
    fs.linkSync('/var/task/marker', '/tmp/jshard');
    fs.unlinkSync('/tmp/jshard');
  });
  attempt('38.symlink', () => {
    fs.symlinkSync(SECRET, '/tmp/jslink');
    try {
      read('/tmp/jslink');
    } finally {
      fs.unlinkSync('/tmp/jslink');
    }
  });
  attempt('51.core-pattern', () => read('/proc/sys/kernel/core_pattern'));
  // Programs of the base image: nothing in it is privileged.
  attempt('11.mount-tmpfs', () => {
    const done = child.spawnSync('/usr/bin/mount', ['-t', 'tmpfs', 'x', '/var/empty']);
    if (done.status !== 0) throw Object.assign(new Error('mount'), { code: 'EPERM', errno: -1 });
    child.spawnSync('/usr/bin/umount', ['/var/empty']);
  });
  attempt('12.unshare-user', () => {
    if (child.spawnSync('/usr/bin/unshare', ['-U', '/usr/bin/true']).status !== 0) {
      throw Object.assign(new Error('unshare'), { code: 'EPERM', errno: -1 });
    }
  });
  await dial('27.metadata', { host: '169.254.169.254', port: 80 });
  if (PORT) await dial('28.host-port', { host: '127.0.0.1', port: Number(PORT) });
  console.log('end');
}
main();
