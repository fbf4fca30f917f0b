// What an invocation costs most of in Python, in C: taking an INVOKE frame apart (docs/frames.md), its event from JSON, its
// result to JSON, its trace id for child processes. Of JSON only the plain cases: whatever else there is goes to the functions the caller names, so that `json` alone
// decides what an unusual text means. The package works without this module (see marshal_json.py), only slower.
//
// Built against the limited API: one file serves every Python from 3.10 on.

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { kMaxDepth = 100, kKeyCells = 256, kMaxKey = 48 };

// ---- reading JSON

typedef struct {
  const char *at, *end;
  int depth;
} reader;

// Strings that were keys lately, by their text: the same ones come with every event. They are interned, so that the dictionary
// compares pointers.
typedef struct {
  PyObject *key;
  uint8_t size;
  char text[kMaxKey];
} key_cell;
static key_cell keys[kKeyCells];

// A new reference; NULL with no error set: not a plain case. NULL with an error: out of memory.
static PyObject *read_value(reader *r);

static void skip_space(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')) ++r->at;
}

// The text behind an opening quote, if it has no escapes; `r->at` is behind its closing quote afterwards.
static int plain_text(reader *r, const char **text, Py_ssize_t *size, int *is_ascii) {
  const char *begin = r->at;
  unsigned char seen = 0;
  for (const char *p = begin; p < r->end; ++p) {
    unsigned char byte = (unsigned char)*p;
    if (byte == '"') {
      *text = begin;
      *size = p - begin;
      *is_ascii = seen < 0x80;
      r->at = p + 1;
      return 1;
    }
    if (byte == '\\' || byte < 0x20) return 0;
    seen |= byte;
  }
  return 0;
}

static PyObject *decode(const char *text, Py_ssize_t size, int is_ascii) {
  if (is_ascii) return PyUnicode_DecodeLatin1(text, size, NULL);
  PyObject *string = PyUnicode_DecodeUTF8(text, size, NULL);
  if (string == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) PyErr_Clear();
  return string;
}

static PyObject *read_string(reader *r) {
  const char *text;
  Py_ssize_t size;
  int is_ascii;
  return plain_text(r, &text, &size, &is_ascii) ? decode(text, size, is_ascii) : NULL;
}

static PyObject *read_key(reader *r) {
  const char *text;
  Py_ssize_t size;
  int is_ascii;
  if (!plain_text(r, &text, &size, &is_ascii)) return NULL;
  if (size == 0 || size > kMaxKey || !is_ascii) return decode(text, size, is_ascii);
  uint32_t hash = (uint32_t)size * 31u + (unsigned char)text[0];
  hash = hash * 31u + (unsigned char)text[size / 2];
  hash = hash * 31u + (unsigned char)text[size - 1];
  key_cell *cell = &keys[hash % kKeyCells];
  if (cell->key != NULL && cell->size == size && memcmp(cell->text, text, (size_t)size) == 0) {
    return Py_NewRef(cell->key);
  }
  PyObject *key = decode(text, size, 1);
  if (key == NULL) return NULL;
  PyUnicode_InternInPlace(&key);
  PyObject *old = cell->key;
  cell->key = Py_NewRef(key);
  cell->size = (uint8_t)size;
  memcpy(cell->text, text, (size_t)size);
  Py_XDECREF(old);
  return key;
}

// Whole numbers of at most 18 digits; all others are told from floats by `json`.
static PyObject *read_number(reader *r) {
  const char *p = r->at;
  int is_negative = p < r->end && *p == '-';
  p += is_negative;
  const char *digits = p;
  int64_t value = 0;
  while (p < r->end && *p >= '0' && *p <= '9' && p - digits < 19) value = value * 10 + (*p++ - '0');
  Py_ssize_t count = p - digits;
  if (count == 0 || count > 18 || (count > 1 && *digits == '0')) return NULL;
  if (p < r->end && (*p == '.' || *p == 'e' || *p == 'E')) return NULL;
  r->at = p;
  return PyLong_FromLongLong(is_negative ? -value : value);
}

static PyObject *read_word(reader *r, const char *word, PyObject *value) {
  size_t size = strlen(word);
  if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) return NULL;
  r->at += size;
  return Py_NewRef(value);
}

// Behind an element: 1 when another one follows, 0 at the closing `bracket`, -1 otherwise.
static int goes_on(reader *r, char bracket) {
  skip_space(r);
  if (r->at == r->end) return -1;
  char byte = *r->at++;
  if (byte == ',') {
    skip_space(r);
    return 1;
  }
  return byte == bracket ? 0 : -1;
}

static int read_member(reader *r, PyObject *object) {
  if (r->at == r->end || *r->at++ != '"') return -1;
  PyObject *key = read_key(r);
  if (key == NULL) return -1;
  skip_space(r);
  int result = -1;
  if (r->at < r->end && *r->at == ':') {
    ++r->at;
    skip_space(r);
    PyObject *value = read_value(r);
    if (value != NULL) {
      result = PyDict_SetItem(object, key, value);
      Py_DECREF(value);
    }
  }
  Py_DECREF(key);
  return result;
}

static PyObject *read_object(reader *r) {
  PyObject *object = PyDict_New();
  if (object == NULL) return NULL;
  skip_space(r);
  if (r->at < r->end && *r->at == '}') {
    ++r->at;
    return object;
  }
  int more = 1;
  while (more == 1) more = read_member(r, object) == 0 ? goes_on(r, '}') : -1;
  if (more == 0) return object;
  Py_DECREF(object);
  return NULL;
}

static PyObject *read_array(reader *r) {
  PyObject *list = PyList_New(0);
  if (list == NULL) return NULL;
  skip_space(r);
  if (r->at < r->end && *r->at == ']') {
    ++r->at;
    return list;
  }
  int more = 1;
  while (more == 1) {
    PyObject *value = read_value(r);
    more = value != NULL && PyList_Append(list, value) == 0 ? goes_on(r, ']') : -1;
    Py_XDECREF(value);
  }
  if (more == 0) return list;
  Py_DECREF(list);
  return NULL;
}

static PyObject *read_nested(reader *r, PyObject *(*read)(reader *)) {
  if (r->depth == kMaxDepth) return NULL;
  ++r->depth;
  PyObject *value = read(r);
  --r->depth;
  return value;
}

static PyObject *read_value(reader *r) {
  if (r->at == r->end) return NULL;
  switch (*r->at) {
    case '{':
      ++r->at;
      return read_nested(r, read_object);
    case '[':
      ++r->at;
      return read_nested(r, read_array);
    case '"':
      ++r->at;
      return read_string(r);
    case 't':
      return read_word(r, "true", Py_True);
    case 'f':
      return read_word(r, "false", Py_False);
    case 'n':
      return read_word(r, "null", Py_None);
    default:
      return read_number(r);
  }
}

// ---- writing JSON

typedef struct {
  char *bytes;
  Py_ssize_t size, capacity;
  int depth, ascii_only;
} writer;

static int make_room(writer *w, Py_ssize_t more) {
  if (w->capacity - w->size >= more) return 0;
  Py_ssize_t capacity = w->capacity * 2 + more;
  char *bytes = PyMem_Realloc(w->bytes, (size_t)capacity);
  if (bytes == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  w->bytes = bytes;
  w->capacity = capacity;
  return 0;
}

static int put(writer *w, const char *text, Py_ssize_t size) {
  if (make_room(w, size) < 0) return -1;
  memcpy(w->bytes + w->size, text, (size_t)size);
  w->size += size;
  return 0;
}

static int put_text(writer *w, PyObject *string) {
  Py_ssize_t size;
  const char *text = PyUnicode_AsUTF8AndSize(string, &size);
  if (text == NULL) {
    if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) PyErr_Clear();  // half a surrogate pair
    return -1;
  }
  if (make_room(w, size * 6 + 2) < 0) return -1;
  char *out = w->bytes + w->size;
  *out++ = '"';
  for (const char *end = text + size; text < end; ++text) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\') {
      *out++ = '\\';
      *out++ = (char)byte;
    } else if (byte >= 0x20) {
      if (byte >= 0x7f && w->ascii_only) return -1;
      *out++ = (char)byte;
    } else {
      static const char kShort[] = "btn\0fr";
      char letter = byte >= 8 && byte <= 13 ? kShort[byte - 8] : 0;
      *out++ = '\\';
      if (letter != 0) {
        *out++ = letter;
      } else {
        static const char kDigits[] = "0123456789abcdef";
        memcpy(out, "u00", 3);
        out[3] = kDigits[byte >> 4];
        out[4] = kDigits[byte & 15];
        out += 5;
      }
    }
  }
  *out++ = '"';
  w->size = out - w->bytes;
  return 0;
}

static int put_integer(writer *w, PyObject *number) {
  int overflow;
  long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
  if (overflow != 0) return -1;
  char digits[24];
  int size = PyOS_snprintf(digits, sizeof digits, "%lld", value);
  return put(w, digits, size);
}

static int put_value(writer *w, PyObject *value);

static int put_dict(writer *w, PyObject *dict) {
  PyObject *key, *value;
  Py_ssize_t at = 0;
  const char *between = "{";
  Py_ssize_t between_size = 1;
  while (PyDict_Next(dict, &at, &key, &value)) {
    if (!PyUnicode_CheckExact(key)) return -1;
    if (put(w, between, between_size) < 0 || put_text(w, key) < 0 || put(w, ": ", 2) < 0) return -1;
    if (put_value(w, value) < 0) return -1;
    between = ", ";
    between_size = 2;
  }
  return between_size == 1 ? put(w, "{}", 2) : put(w, "}", 1);
}

static int put_list(writer *w, PyObject *list) {
  Py_ssize_t count = PyList_Size(list);
  if (put(w, "[", 1) < 0) return -1;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i > 0 && put(w, ", ", 2) < 0) return -1;
    if (put_value(w, PyList_GetItem(list, i)) < 0) return -1;
  }
  return put(w, "]", 1);
}

// -1 with no error set: not a plain case. No code of the caller runs meanwhile, so nothing changes under the hand.
static int put_value(writer *w, PyObject *value) {
  if (PyUnicode_CheckExact(value)) return put_text(w, value);
  if (value == Py_None) return put(w, "null", 4);
  if (value == Py_True) return put(w, "true", 4);
  if (value == Py_False) return put(w, "false", 5);
  if (PyLong_CheckExact(value)) return put_integer(w, value);
  int is_dict = PyDict_CheckExact(value);
  if ((!is_dict && !PyList_CheckExact(value)) || w->depth == kMaxDepth) return -1;  // a circle ends here as well
  ++w->depth;
  int result = is_dict ? put_dict(w, value) : put_list(w, value);
  --w->depth;
  return result;
}

// ---- the module

// The bytes [begin, end) of the first argument, a bytearray. They stay where they are: no code of the caller runs meanwhile.
static int range_of(PyObject *const *arguments, const char **begin, const char **end) {
  Py_ssize_t first = PyLong_AsSsize_t(arguments[1]);
  Py_ssize_t last = PyLong_AsSsize_t(arguments[2]);
  if (PyErr_Occurred() != NULL) return -1;
  if (!PyByteArray_Check(arguments[0]) || first < 0 || last < first || last > PyByteArray_Size(arguments[0])) {
    PyErr_SetString(PyExc_IndexError, "not a range of a bytearray");
    return -1;
  }
  const char *bytes = PyByteArray_AsString(arguments[0]);
  *begin = bytes + first;
  *end = bytes + last;
  return 0;
}

static int takes(Py_ssize_t count, Py_ssize_t wanted) {
  if (count == wanted) return 1;
  PyErr_Format(PyExc_TypeError, "takes %zd arguments, not %zd", wanted, count);
  return 0;
}

PyDoc_STRVAR(parse_doc,
             "parse(buffer, begin, end, otherwise)\n\n"
             "The value of the JSON text in buffer[begin:end], or otherwise(text).");

static PyObject *parse(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  (void)module;
  reader r = {0};
  if (!takes(count, 4) || range_of(arguments, &r.at, &r.end) < 0) return NULL;
  const char *begin = r.at;
  PyObject *value = read_value(&r);
  if (value != NULL && r.at == r.end) return value;
  Py_XDECREF(value);
  PyObject *text = PyErr_Occurred() != NULL ? NULL : PyUnicode_DecodeUTF8(begin, r.end - begin, "surrogateescape");
  if (text == NULL) return NULL;
  value = PyObject_CallFunctionObjArgs(arguments[3], text, NULL);
  Py_DECREF(text);
  return value;
}

PyDoc_STRVAR(encode_doc,
             "encode(value, ascii_only, otherwise)\n\n"
             "The bytes of the value's JSON as json.dumps writes it, or otherwise(value).");

static PyObject *encode(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  (void)module;
  if (!takes(count, 3)) return NULL;
  writer w = {.ascii_only = PyObject_IsTrue(arguments[1])};
  PyObject *result = NULL;
  if (put_value(&w, arguments[0]) == 0) {
    result = PyBytes_FromStringAndSize(w.bytes, w.size);
  } else if (PyErr_Occurred() == NULL) {
    result = PyObject_CallFunctionObjArgs(arguments[2], arguments[0], NULL);
  }
  PyMem_Free(w.bytes);
  return result;
}

PyDoc_STRVAR(split_doc,
             "split(buffer, begin, end)\n\n"
             "(deadline, request id, ARN, trace id, tenant id or None, client context or None, identity or None, begin of the\n"
             "payload) of the INVOKE body in buffer[begin:end].");

enum { kFixed = 24 };

static uint32_t number_at(const char *at, int bytes) {
  uint32_t value = 0;
  memcpy(&value, at, (size_t)bytes);
  return value;
}

static PyObject *split(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  (void)module;
  const char *begin, *end;
  if (!takes(count, 3) || range_of(arguments, &begin, &end) < 0) return NULL;
  uint64_t sizes[6] = {0}, total = kFixed;
  if (end - begin >= kFixed) {
    for (int i = 0; i < 6; ++i) {
      sizes[i] = i < 4 ? number_at(begin + 8 + 2 * i, 2) : number_at(begin + 16 + 4 * (i - 4), 4);
      total += sizes[i];
    }
  }
  if (end - begin < kFixed || total > (uint64_t)(end - begin)) {
    PyErr_SetString(PyExc_RuntimeError, "Virga sent an INVOKE frame whose sizes exceed its body.");
    return NULL;
  }
  int64_t deadline;
  memcpy(&deadline, begin, sizeof deadline);
  const char *at = begin + kFixed;
  PyObject *texts[6];
  int failed = 0;
  for (int i = 0; i < 6; ++i) {
    Py_ssize_t size = (Py_ssize_t)sizes[i];
    if (i >= 3 && size == 0) {
      texts[i] = Py_NewRef(Py_None);
    } else {
      texts[i] = i < 4 ? PyUnicode_DecodeLatin1(at, size, NULL) : PyUnicode_DecodeUTF8(at, size, NULL);
    }
    failed |= texts[i] == NULL;
    at += size;
  }
  Py_ssize_t payload = PyLong_AsSsize_t(arguments[1]) + (at - begin);
  PyObject *parts = NULL;
  if (!failed) {
    parts = Py_BuildValue("LOOOOOOn", (long long)deadline, texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], payload);
  }
  for (int i = 0; i < 6; ++i) Py_XDECREF(texts[i]);
  return parts;
}

PyDoc_STRVAR(set_trace_doc,
             "set_trace(text)\n\n"
             "Sets the process's variable _X_AMZN_TRACE_ID, in place: setenv() keeps every value it was ever given.");

static PyObject *set_trace(PyObject *module, PyObject *text) {
  (void)module;
  static const char kName[] = "_X_AMZN_TRACE_ID";
  static char variable[512] = "_X_AMZN_TRACE_ID=";
  char *own = variable + sizeof kName;
  Py_ssize_t size;
  const char *value = PyUnicode_AsUTF8AndSize(text, &size);
  if (value == NULL) return NULL;
  int failed;
  if (size == 0) {
    failed = unsetenv(kName);
  } else if ((size_t)size >= sizeof variable - sizeof kName) {
    failed = setenv(kName, value, 1);
  } else {
    memcpy(own, value, (size_t)size + 1);
    failed = getenv(kName) != own && putenv(variable) != 0;  // not there yet, or the function has set one of its own
  }
  return failed ? PyErr_SetFromErrno(PyExc_OSError) : Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    {"parse", (PyCFunction)(void (*)(void))parse, METH_FASTCALL, parse_doc},
    {"encode", (PyCFunction)(void (*)(void))encode, METH_FASTCALL, encode_doc},
    {"set_trace", set_trace, METH_O, set_trace_doc},
    {"split", (PyCFunction)(void (*)(void))split, METH_FASTCALL, split_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_fast", "The plain cases of frames and JSON, in C.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&definition); }
