package virga.bootstrap;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Frames (docs/frames.md) on the inherited descriptor. One thread reads; any thread writes. */
final class Frames {
  static final int BIND = 1;
  static final int INVOKE = 2;
  static final int END = 3;
  static final int REHEARSE = 4;
  static final int READY = 16;
  static final int INIT_ERROR = 17;
  static final int RESULT = 18;
  static final int ERROR = 19;
  static final int LOG = 20;
  static final int BOOTED = 21;

  private static final int HEADER = 16;
  private static final int BUFFER = 1 << 16;

  /** The frame that was read last. */
  int type;
  long number;
  int begin;
  int end;
  byte[] buffer = new byte[BUFFER];

  private int filled = 0;

  /** Reads the next frame; false when Virga is gone. The frame's body is buffer[begin, end) until the next call. */
  boolean next() {
    int left = filled - end;
    System.arraycopy(buffer, end, buffer, 0, left);
    filled = left;
    begin = end = 0;
    if (!fill(HEADER)) return false;
    int size = int32(0);
    type = buffer[4];
    number = int64(8);
    if (!fill(HEADER + size)) return false;
    begin = HEADER;
    end = HEADER + size;
    return true;
  }

  private boolean fill(int wanted) {
    if (buffer.length < wanted) buffer = Arrays.copyOf(buffer, wanted);
    while (filled < wanted) {
      int count = Host.read(buffer, filled, buffer.length - filled);
      if (count <= 0) return false;
      filled += count;
    }
    return true;
  }

  int int16(int at) {
    return (buffer[at] & 0xff) | (buffer[at + 1] & 0xff) << 8;
  }

  int int32(int at) {
    return int16(at) | int16(at + 2) << 16;
  }

  long int64(int at) {
    return (int32(at) & 0xffffffffL) | (long) int32(at + 4) << 32;
  }

  /** Null where there is nothing. */
  String text(int at, int size) {
    return size == 0 ? null : new String(buffer, at, size, StandardCharsets.UTF_8);
  }

  /** `flags`: 1 if the process begins no other invocation. */
  static void write(int type, int flags, long number, byte[] body, int size) {
    byte[] frame = new byte[HEADER + size];
    for (int i = 0; i < 4; i++) frame[i] = (byte) (size >>> 8 * i);
    frame[4] = (byte) type;
    frame[5] = (byte) flags;
    for (int i = 0; i < 8; i++) frame[8 + i] = (byte) (number >>> 8 * i);
    System.arraycopy(body, 0, frame, HEADER, size);
    // One frame is never split by another one.
    synchronized (Frames.class) {
      Host.write(frame, frame.length);
    }
  }
}
