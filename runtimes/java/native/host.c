// The part of the Java runtime that Java has no words for (Host.java): the inherited socket of the frames contract, and the
// environment and working folder of the process itself.

#include <errno.h>
#include <fcntl.h>
#include <jni.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kPiece = 1 << 16 };

static const char kDescriptorVariable[] = "VIRGA_FRAMES_FD";
static int frames = -1;

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* machine, void* reserved) {
  (void)machine;
  (void)reserved;
  const char* number = getenv(kDescriptorVariable);
  if (number != NULL) frames = atoi(number);
  if (frames < 3 || fcntl(frames, F_SETFD, FD_CLOEXEC) != 0) {
    fputs("This program is started by Virga, with VIRGA_FRAMES_FD naming a connected socket (docs/frames.md).\n", stderr);
    exit(1);
  }
  unsetenv(kDescriptorVariable);
  return JNI_VERSION_1_8;
}

JNIEXPORT jint JNICALL Java_virga_bootstrap_Host_read(JNIEnv* env, jclass host, jbyteArray buffer, jint offset, jint size) {
  (void)host;
  char piece[kPiece];
  ssize_t count;
  do {
    count = read(frames, piece, size < kPiece ? (size_t)size : kPiece);
  } while (count < 0 && errno == EINTR);
  if (count > 0) (*env)->SetByteArrayRegion(env, buffer, offset, (jsize)count, (const jbyte*)piece);
  return (jint)count;
}

JNIEXPORT void JNICALL Java_virga_bootstrap_Host_write(JNIEnv* env, jclass host, jbyteArray bytes, jint size) {
  (void)host;
  char piece[kPiece];
  for (jint done = 0; done < size;) {
    jint part = size - done < kPiece ? size - done : kPiece;
    (*env)->GetByteArrayRegion(env, bytes, done, part, (jbyte*)piece);
    for (jint sent = 0; sent < part;) {
      ssize_t count = send(frames, piece + sent, (size_t)(part - sent), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) _exit(0);
      sent += (jint)count;
    }
    done += part;
  }
}

JNIEXPORT void JNICALL Java_virga_bootstrap_Host_setVariable(JNIEnv* env, jclass host, jbyteArray name, jbyteArray value) {
  (void)host;
  jbyte* name_text = (*env)->GetByteArrayElements(env, name, NULL);
  jbyte* value_text = (*env)->GetByteArrayElements(env, value, NULL);
  if (name_text != NULL && value_text != NULL && strcmp((const char*)name_text, kDescriptorVariable) != 0) {
    setenv((const char*)name_text, (const char*)value_text, 1);
  }
  if (name_text != NULL) (*env)->ReleaseByteArrayElements(env, name, name_text, JNI_ABORT);
  if (value_text != NULL) (*env)->ReleaseByteArrayElements(env, value, value_text, JNI_ABORT);
}

JNIEXPORT void JNICALL Java_virga_bootstrap_Host_enter(JNIEnv* env, jclass host, jbyteArray folder) {
  (void)host;
  jbyte* text = (*env)->GetByteArrayElements(env, folder, NULL);
  if (text == NULL) return;
  if (chdir((const char*)text) != 0) perror((const char*)text);
  (*env)->ReleaseByteArrayElements(env, folder, text, JNI_ABORT);
}
