package virga.bootstrap;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.amazonaws.services.lambda.runtime.api.client.EventHandlerLoader;
import com.amazonaws.services.lambda.runtime.api.client.HandlerInfo;
import com.amazonaws.services.lambda.runtime.api.client.LambdaRequestHandler;
import com.amazonaws.services.lambda.runtime.api.client.UserFault;
import com.amazonaws.services.lambda.runtime.api.client.logging.LambdaContextLogger;
import com.amazonaws.services.lambda.runtime.api.client.logging.LogSink;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.DtoSerializers;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.converters.LambdaErrorConverter;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.dto.InvocationRequest;
import com.amazonaws.services.lambda.runtime.api.client.util.LambdaOutputStream;
import com.amazonaws.services.lambda.runtime.api.client.util.UnsafeUtil;
import com.amazonaws.services.lambda.runtime.logging.LogFormat;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import com.amazonaws.services.lambda.runtime.serialization.PojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.events.LambdaEventSerializers;
import com.amazonaws.services.lambda.runtime.serialization.factories.JacksonFactory;
import com.amazonaws.services.lambda.runtime.serialization.util.ReflectUtil;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.ServiceLoader;

/** Goes once through what the first invocation will need, so that it is loaded by then. */
final class Rehearsal {
  private static final String CLIENT = "com.amazonaws.services.lambda.runtime.api.client.";
  private static final byte[] BIND =
      "{\"handler\":\"\",\"task_root\":\"\",\"environment\":{\"A\":\"\\n\"},\"memory_mb\":1}".getBytes(StandardCharsets.UTF_8);
  private static final byte[] EVENT =
      "{\"text\":\"ä\\n\",\"number\":1,\"inner\":{\"list\":[1.5,true,null,12345678901]}}".getBytes(StandardCharsets.UTF_8);

  /** What initializes itself from the environment, or needs such a class: to be loaded before BIND, and no more. */
  private static final String[] LATER = {
    CLIENT + "AWSLambda", CLIENT + "LambdaEnvironment", CLIENT + "EventHandlerLoader$Platform", CLIENT + "EventHandlerLoader$ClassContext",
    CLIENT + "EventHandlerLoader$PojoHandlerAsStreamHandler", CLIENT + "LambdaRequestHandler$UserFaultHandler", CLIENT + "PojoSerializerLoader",
    CLIENT + "TooManyServiceProvidersFoundException", CLIENT + "api.LambdaContext", CLIENT + "api.LambdaClientContext",
    CLIENT + "api.LambdaCognitoIdentity", CLIENT + "runtimeapi.LambdaError",
    CLIENT + "runtimeapi.RapidErrorType", CLIENT + "runtimeapi.dto.InvocationRequest", CLIENT + "util.ConcurrencyConfig",
    CLIENT + "util.EnvReader", "com.amazonaws.services.lambda.runtime.LambdaRuntimeInternal", "java.util.concurrent.ExecutorService",
    "java.lang.ProcessEnvironment", "java.lang.ProcessEnvironment$ExternalData", "java.lang.ProcessEnvironment$Variable",
    "java.lang.ProcessEnvironment$Value", "java.lang.ProcessEnvironment$StringEnvironment",
  };

  private static final String THREAD_LOCAL = "software.amazon.awssdk.utilslite.SdkInternalThreadLocal";
  private static final String SECURITY_SETTING = "jdk.tls.disabledAlgorithms";

  private Rehearsal() {}

  /** For a process that waits for its function: touches no variable of the environment. */
  static void run() throws Exception {
    ClassLoader loader = newCustomerLoader();
    for (String name : LATER) Class.forName(name, false, loader);
    HandlerInfo.fromString(MapHandler.class.getName() + "::handleRequest", loader);
    // Of the forms of a handler the one whose loading asks for no variable.
    EventHandlerLoader.loadEventHandler(HandlerInfo.fromString(StreamHandler.class.getName(), loader));
    UserFault.trace(new IllegalStateException("rehearsal"));
    UnsafeUtil.disableIllegalAccessWarning();
    ServiceLoader.load(CustomPojoSerializer.class, loader).iterator().hasNext();
    ReflectUtil.setStaticField(LambdaRuntime.class, "logger", true, new SilentLogger());
    print();
    LambdaEventSerializers.isLambdaSupportedEvent("");
    Security.setProperty(SECURITY_SETTING, Security.getProperty(SECURITY_SETTING));
    Bind.parse(BIND);
    loadFromFolder();
    for (String name : new String[] {"virga.bootstrap.Client", "virga.bootstrap.Output", THREAD_LOCAL}) Class.forName(name);
    concatenate(BIND.length, System.nanoTime(), "a", new Object());
    Type map = ((ParameterizedType) MapHandler.class.getGenericInterfaces()[0]).getActualTypeArguments()[0];
    for (Type type : new Type[] {map, LinkedHashMap.class, Bean.class, String.class}) exercise(type);
  }

  /** For the making of an archive, with nobody to answer: invocations of each form, and an error. */
  static void invoke() throws Exception {
    ClassLoader loader = newCustomerLoader();
    for (Class<?> handler : new Class<?>[] {MapHandler.class, BeanHandler.class, StreamHandler.class}) {
      LambdaRequestHandler loaded = EventHandlerLoader.loadEventHandler(HandlerInfo.fromString(handler.getName(), loader));
      InvocationRequest request = new InvocationRequest();
      request.setId("00000000-0000-4000-8000-000000000000");
      request.setInvokedFunctionArn("arn");
      request.setContent(EVENT);
      loaded.call(request);
    }
    Throwable error = UserFault.filterStackTrace(new IllegalStateException("rehearsal"));
    UserFault.makeUserFault(error).reportableError();
    DtoSerializers.serialize(LambdaErrorConverter.fromThrowable(error));
  }

  /** The very loader that the client will use for the function's classes. */
  static ClassLoader newCustomerLoader() throws ReflectiveOperationException {
    Constructor<?> constructor =
        Class.forName(CLIENT + "CustomerClassLoader").getDeclaredConstructor(String.class, String.class, ClassLoader.class);
    constructor.setAccessible(true);
    return (ClassLoader) constructor.newInstance("/var/task", "/opt/java", ClassLoader.getSystemClassLoader());
  }

  private static void exercise(Type type) {
    PojoSerializer<Object> serializer = JacksonFactory.getInstance().getSerializer(type);
    byte[] event = type == String.class ? "\"a\"".getBytes(StandardCharsets.UTF_8) : EVENT;
    serializer.toJson(serializer.fromJson(new ByteArrayInputStream(event)), new ByteArrayOutputStream());
  }

  /** A class that comes from a folder, as most functions' do. */
  private static void loadFromFolder() throws ReflectiveOperationException, IOException {
    URL[] folder = {new URL(Rehearsal.class.getProtectionDomain().getCodeSource().getLocation(), "classes/")};
    try (URLClassLoader loader = new URLClassLoader(folder, ClassLoader.getPlatformClassLoader())) {
      loader.loadClass(Bean.class.getName()).getConstructor().newInstance();
    }
  }

  /** Through the streams and the logger that a function will have, to nowhere. */
  private static void print() throws IOException {
    OutputStream nowhere = new ByteArrayOutputStream();
    PrintStream inner = new PrintStream(nowhere, false, StandardCharsets.UTF_8);
    PrintStream stream = new PrintStream(new LambdaOutputStream(inner), false, "UTF-8");
    stream.println("ä");
    stream.printf("%s %d%n", "a", 1);
    stream.println(1);
    try (LambdaContextLogger logger =
        new LambdaContextLogger(new SilentSink(), LogLevel.fromString("INFO"), LogFormat.fromString("TEXT"))) {
      logger.log("a");
    }
  }

  /** What compilers make of `+` is put together by the JDK when it runs for the first time: once for each row of types. */
  private static int concatenate(int number, long large, String text, Object object) {
    String[] made = {
      text + object, object + text, text + number, number + text, text + large, text + text, "<" + text, text + ">", "<" + number,
      "<" + text + ">", "<" + object + ">", "<" + text + ", " + text, "<" + text + ", " + number, "<" + number + ", " + text,
      text + ", " + text + ", " + text, text + ", " + object + ", " + text, text + ", " + text + ", " + number,
      text + ", " + number + ", " + text, text + ", " + object + ", " + number, number + text + object,
      "<" + text + ">" + number + object + text,
    };
    return made.length;
  }

  private static final class SilentSink implements LogSink {
    @Override
    public void log(byte[] message) {}

    @Override
    public void log(LogLevel level, LogFormat format, byte[] message) {}

    @Override
    public void close() {}
  }

  private static final class SilentLogger implements LambdaLogger {
    @Override
    public void log(String message) {}

    @Override
    public void log(byte[] message) {}
  }

  public static final class Bean {
    private String text;
    private int number;

    public String getText() {
      return text;
    }

    public void setText(String value) {
      text = value;
    }

    public int getNumber() {
      return number;
    }

    public void setNumber(int value) {
      number = value;
    }
  }

  public static final class MapHandler implements RequestHandler<Map<String, Object>, Object> {
    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
      return event;
    }
  }

  public static final class BeanHandler implements RequestHandler<Bean, Bean> {
    @Override
    public Bean handleRequest(Bean event, Context context) {
      return event;
    }
  }

  public static final class StreamHandler implements RequestStreamHandler {
    @Override
    public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
      input.transferTo(output);
    }
  }
}
