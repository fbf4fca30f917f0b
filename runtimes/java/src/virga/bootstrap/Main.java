package virga.bootstrap;

import com.amazonaws.services.lambda.runtime.api.client.AWSLambda;
import com.amazonaws.services.lambda.runtime.api.client.LambdaEnvironment;
import com.amazonaws.services.lambda.runtime.api.client.LambdaRequestHandler;
import com.amazonaws.services.lambda.runtime.api.client.logging.LambdaContextLogger;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.LambdaRuntimeApiClient;
import com.amazonaws.services.lambda.runtime.api.client.util.ConcurrencyConfig;
import com.amazonaws.services.lambda.runtime.logging.LogFormat;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

/**
 * Entry of the Java runtime. It boots before it knows which function it will run; BIND (docs/frames.md) names it. The rest is AWS's
 * own runtime interface client: finding and calling the handler, reading and writing events, reporting errors.
 */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) throws Throwable {
    Frames frames = new Frames();
    boolean isThere = frames.next();
    if (isThere && frames.type == Frames.REHEARSE) {
      Rehearsal.run();
      Frames.write(Frames.BOOTED, 0, 0, new byte[0], 0);
      isThere = frames.next();
    }
    if (!isThere || frames.type != Frames.BIND) Runtime.getRuntime().halt(0); // never needed
    Bind bind = Bind.parse(Arrays.copyOfRange(frames.buffer, frames.begin, frames.end));
    // The process's own environment, not a copy of it: nothing has called System.getenv before, so that it and what is started
    // later by the function find these variables.
    for (Map.Entry<String, String> variable : bind.environment.entrySet()) Host.setVariable(variable.getKey(), variable.getValue());
    Host.enter(bind.taskRoot);

    Output output = new Output();
    PrintStream stream = new PrintStream(output, false, StandardCharsets.UTF_8);
    System.setOut(stream);
    System.setErr(stream);
    Client client = new Client(frames, output);
    try {
      run(bind.handler, client, output);
    } catch (InvocationTargetException fatal) {
      stream.println(fatal.getCause());
    }
    // The loop ends by itself after an error that leaves the process in doubt, such as a lack of memory.
    stream.flush();
    client.sendError(1);
    System.exit(1);
  }

  /** What AWSLambda.main does, with this client and this output in place of its own. */
  private static void run(String handler, Client client, Output output) throws ReflectiveOperationException {
    LambdaContextLogger logger = new LambdaContextLogger(output, LogLevel.fromString(LambdaEnvironment.LAMBDA_LOG_LEVEL),
        LogFormat.fromString(LambdaEnvironment.LAMBDA_LOG_FORMAT));
    Object loaded = method("getLambdaRequestHandlerObject", String.class, LambdaContextLogger.class, LambdaRuntimeApiClient.class)
        .invoke(null, handler, logger, client);
    method("startRuntimeLoops", LambdaRequestHandler.class, LambdaContextLogger.class, ConcurrencyConfig.class,
        LambdaRuntimeApiClient.class).invoke(null, loaded, logger, new ConcurrencyConfig(logger), client);
  }

  /** Of the one version of AWS's client that pom.xml names. */
  static Method method(String name, Class<?>... parameters) throws NoSuchMethodException {
    Method found = AWSLambda.class.getDeclaredMethod(name, parameters);
    found.setAccessible(true);
    return found;
  }
}
