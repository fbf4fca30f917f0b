package virga.bootstrap;

import java.nio.charset.StandardCharsets;

/** What Java cannot do by itself: the inherited descriptor, the process's environment and its working folder (host.c). */
final class Host {
  static {
    System.loadLibrary("virga_host");
  }

  private Host() {}

  /** At least one byte; 0 or less when Virga is gone. */
  static native int read(byte[] buffer, int offset, int size);

  /** All of it; ends the process when Virga is gone. */
  static native void write(byte[] bytes, int size);

  static void setVariable(String name, String value) {
    setVariable(terminated(name), terminated(value));
  }

  static void enter(String folder) {
    enter(terminated(folder));
  }

  private static native void setVariable(byte[] name, byte[] value);

  private static native void enter(byte[] folder);

  /** As C reads it. */
  private static byte[] terminated(String text) {
    return (text + '\0').getBytes(StandardCharsets.UTF_8);
  }
}
