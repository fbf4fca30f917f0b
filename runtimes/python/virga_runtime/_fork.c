// What a template and its forks ask of the kernel that Python has no words for (template.py, docs/forks.md).
//
// Built against the limited API, as _fast.c. Without this module there are no templates.

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int takes_two(Py_ssize_t count) {
  if (count == 2) return 1;
  PyErr_Format(PyExc_TypeError, "takes 2 arguments, not %zd", count);
  return 0;
}

enum { kCollapse = 25 };  // MADV_COLLAPSE of Linux 6.1

PyDoc_STRVAR(collapse_doc,
             "collapse(begin, size)\n\n"
             "Makes large pages of this range of addresses, if the kernel can: a fork copies one entry for each.");

static PyObject *collapse(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  (void)module;
  if (!takes_two(count)) return NULL;
  void *begin = PyLong_AsVoidPtr(arguments[0]);
  size_t size = PyLong_AsSize_t(arguments[1]);
  if (PyErr_Occurred() != NULL) return NULL;
  return PyBool_FromLong(madvise(begin, size, kCollapse) == 0);
}

PyDoc_STRVAR(join_doc,
             "join(handshake, rules)\n\n"
             "Makes this fork a sandbox of its own: shows itself to Virga, moves into the control groups that it is given for it, and\n"
             "holds itself to a Landlock ruleset (docs/forks.md). Closes both descriptors; OSError where any of it fails.");

enum { kMostGroups = 16 };

// The descriptors that come with one byte, -1: none came.
static int receive_groups(int handshake, int *groups) {
  char byte;
  struct iovec into = {.iov_base = &byte, .iov_len = 1};
  union {
    char bytes[CMSG_SPACE(kMostGroups * sizeof(int))];
    struct cmsghdr aligned;
  } control;
  struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
  if (recvmsg(handshake, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -1;
  int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  memcpy(groups, CMSG_DATA(header), (size_t)count * sizeof(int));
  return count;
}

// A process of one thread that moves itself need not wait for the kernel's other cores, as whoever moved it would.
static int move_into(int handshake) {
  int groups[kMostGroups];
  if (write(handshake, "+", 1) != 1) return -1;
  int count = receive_groups(handshake, groups), moved = 1;
  for (int i = 0; i < count; ++i) {
    moved = moved && write(groups[i], "0", 1) == 1;
    close(groups[i]);
  }
  char byte;
  return count > 0 && moved && write(handshake, "+", 1) == 1 && read(handshake, &byte, 1) == 1 ? 0 : -1;
}

static PyObject *join(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  (void)module;
  if (!takes_two(count)) return NULL;
  int handshake = (int)PyLong_AsLong(arguments[0]), rules = (int)PyLong_AsLong(arguments[1]);
  if (PyErr_Occurred() != NULL) return NULL;
  long failed = move_into(handshake);
  close(handshake);
  if (failed == 0) failed = syscall(SYS_landlock_restrict_self, rules, 0);
  PyObject *result = failed != 0 ? PyErr_SetFromErrno(PyExc_OSError) : Py_NewRef(Py_None);
  close(rules);
  return result;
}

static PyMethodDef functions[] = {
    {"collapse", (PyCFunction)(void (*)(void))collapse, METH_FASTCALL, collapse_doc},
    {"join", (PyCFunction)(void (*)(void))join, METH_FASTCALL, join_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_fork", "What forks ask of the kernel.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__fork(void) { return PyModule_Create(&definition); }
