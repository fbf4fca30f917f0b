package virga.bootstrap;

import com.amazonaws.services.lambda.runtime.api.client.logging.LogSink;
import com.amazonaws.services.lambda.runtime.logging.LogFormat;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.OutputStream;
import java.util.Arrays;

/** What a function prints and logs, as LOG frames of whole lines. Any thread. */
final class Output extends OutputStream implements LogSink {
  private static final int LONGEST = 1 << 16; // bytes of a line that is sent although it has no end

  private byte[] line = new byte[1024];
  private int size = 0;
  private long number = 0; // of the invocation that runs or ran last

  synchronized void begin(long invocation) {
    flush();
    number = invocation;
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  /** Prints: all lines that are whole are sent. */
  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    append(bytes, offset, length);
    int end = size;
    while (end > 0 && line[end - 1] != '\n') end--;
    if (end == 0 && size < LONGEST) return;
    send(end == 0 ? size : end);
  }

  /** Logs: each message is a line of its own. */
  @Override
  public synchronized void log(byte[] message) {
    flush();
    append(message, 0, message.length);
    flush();
  }

  @Override
  public void log(LogLevel level, LogFormat format, byte[] message) {
    log(message);
  }

  /** Sends what has no end yet, too. */
  @Override
  public synchronized void flush() {
    if (size > 0) send(size);
  }

  @Override
  public void close() {
    flush();
  }

  private void append(byte[] bytes, int offset, int length) {
    if (line.length < size + length) line = Arrays.copyOf(line, Math.max(2 * line.length, size + length));
    System.arraycopy(bytes, offset, line, size, length);
    size += length;
  }

  private void send(int end) {
    Frames.write(Frames.LOG, 0, number, line, line[end - 1] == '\n' ? end - 1 : end);
    System.arraycopy(line, end, line, 0, size - end);
    size -= end;
  }
}
