package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.File;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.TreeSet;

/** What a function can find out about its process. */
public class Facts implements RequestHandler<Map<String, Object>, Map<String, Object>> {
  private static int calls = 0;

  @Override
  public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
    Map<String, Object> facts = new TreeMap<>();
    facts.put("calls", ++calls);
    facts.put("variables", new TreeSet<>(System.getenv().keySet()));
    facts.put("greeting", System.getenv("GREETING"));
    facts.put("properties", new TreeMap<>(System.getProperties()));
    facts.put("heap", Runtime.getRuntime().maxMemory());
    facts.put("processors", Runtime.getRuntime().availableProcessors());
    facts.put("folder", new File("x").getAbsolutePath());
    facts.put("locale", Locale.getDefault().toString() + TimeZone.getDefault().getID() + Charset.defaultCharset());
    facts.put("tls", Security.getProperty("jdk.tls.disabledAlgorithms") + Security.getProperty("networkaddress.cache.negative.ttl"));
    facts.put("loader", Thread.currentThread().getContextClassLoader().getClass().getName());
    facts.put("threads", threads());
    facts.put("writes", List.of(write("/var/task/x"), write("/opt/x"), write("/var/runtime/x"), write("/etc/x"), write("/x"), write("/tmp/x")));
    facts.put("processes", processes());
    facts.put("status", status());
    facts.put("logger", context.getLogger().getClass().getName());
    return facts;
  }

  private static List<String> threads() {
    List<String> names = new ArrayList<>();
    for (Thread thread : Thread.getAllStackTraces().keySet()) names.add(thread.getName());
    names.sort(null);
    return names;
  }

  private static String write(String path) {
    try {
      Files.writeString(Path.of(path), "x");
      return "allowed";
    } catch (Exception refused) {
      return refused.getClass().getName();
    }
  }

  private static List<String> processes() {
    List<String> found = new ArrayList<>();
    for (String name : new File("/proc").list()) {
      if (name.matches("\\d+")) found.add(name);
    }
    return found;
  }

  private static List<String> status() {
    try {
      List<String> lines = new ArrayList<>();
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.matches("(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups).*")) lines.add(line);
      }
      return lines;
    } catch (Exception unreadable) {
      return List.of(unreadable.toString());
    }
  }
}
