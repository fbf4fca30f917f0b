package virga.bootstrap;

import com.amazonaws.services.lambda.runtime.api.client.logging.LambdaContextLogger;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.DtoSerializers;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.LambdaError;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.LambdaRuntimeApiClient;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.dto.InvocationRequest;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Where AWS's runtime loop gets its invocations from and leaves its answers: frames in place of HTTP. */
final class Client implements LambdaRuntimeApiClient {
  private static final byte[] NOTHING = {};
  private static final byte[] EMPTY_EVENT = "{}".getBytes(StandardCharsets.UTF_8);
  private static final int INVOKE_HEAD = 24;
  private static final int LARGEST = 6291556; // bytes of a response, as AWS's service has it

  private final Frames frames;
  private final Output output;
  private boolean isReady = false;
  private long running; // the number of the invocation that runs
  private byte[] error; // its error, which is not sent yet

  Client(Frames frames, Output output) {
    this.frames = frames;
    this.output = output;
  }

  @Override
  public InvocationRequest nextInvocation() {
    if (isReady) {
      sendError(0);
    } else {
      output.flush();
      Frames.write(Frames.READY, 0, 0, NOTHING, 0);
      isReady = true;
    }
    do {
      if (!frames.next()) Runtime.getRuntime().halt(0); // nobody waits for threads or hooks
      if (frames.type == Frames.END) System.exit(0);
    } while (frames.type != Frames.INVOKE);
    running = frames.number;
    output.begin(running);
    return request();
  }

  private InvocationRequest request() {
    int head = frames.begin;
    int at = head + INVOKE_HEAD;
    InvocationRequest request = new InvocationRequest();
    request.setDeadlineTimeInMs(frames.int64(head));
    int size = frames.int16(head + 8);
    request.setId(frames.text(at, size));
    at += size;
    size = frames.int16(head + 10);
    request.setInvokedFunctionArn(frames.text(at, size));
    at += size;
    size = frames.int16(head + 12);
    request.setXrayTraceId(frames.text(at, size));
    at += size;
    size = frames.int16(head + 14);
    request.setTenantId(frames.text(at, size));
    at += size;
    size = frames.int32(head + 16);
    request.setClientContext(frames.text(at, size));
    at += size;
    size = frames.int32(head + 20);
    request.setCognitoIdentity(frames.text(at, size));
    at += size;
    request.setContent(at == frames.end ? EMPTY_EVENT : Arrays.copyOfRange(frames.buffer, at, frames.end));
    return request;
  }

  @Override
  public InvocationRequest nextInvocationWithExponentialBackoff(LambdaContextLogger logger) {
    return nextInvocation();
  }

  @Override
  public void reportInvocationSuccess(String requestId, byte[] response) {
    output.flush();
    if (response.length > LARGEST) {
      error = ("{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size (6291556 bytes).\","
          + "\"errorType\":\"Function.ResponseSizeTooLarge\"}").getBytes(StandardCharsets.UTF_8);
      return;
    }
    Frames.write(Frames.RESULT, 0, running, response, response.length);
  }

  /** Sent with the next step of the loop: what it logs about the error belongs to the invocation, and it may be the last one. */
  @Override
  public void reportInvocationError(String requestId, LambdaError reported) {
    error = DtoSerializers.serialize(reported.errorRequest);
  }

  /** `flags` as in Frames.write. */
  void sendError(int flags) {
    output.flush();
    if (error == null) return;
    Frames.write(Frames.ERROR, flags, running, error, error.length);
    error = null;
  }

  @Override
  public void reportInitError(LambdaError reported) {
    byte[] body = DtoSerializers.serialize(reported.errorRequest);
    output.flush();
    Frames.write(Frames.INIT_ERROR, 0, 0, body, body.length);
  }

  @Override
  public void restoreNext() {
    throw new UnsupportedOperationException("Virga restores no snapshots of Java functions");
  }

  @Override
  public void reportRestoreError(LambdaError reported) {
    throw new UnsupportedOperationException("Virga restores no snapshots of Java functions");
  }
}
