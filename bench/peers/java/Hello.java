import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/** The same answer from a program of its own, with what the JDK brings. Without a port it prints the answer and ends. */
public class Hello {
  public static void main(String[] arguments) throws IOException {
    byte[] body = "hello".getBytes(StandardCharsets.UTF_8);
    if (arguments.length == 0) {
      System.out.write(body);
      System.out.flush();
      return;
    }
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
    server.createContext("/", exchange -> {
      exchange.getResponseHeaders().set("content-type", "text/plain");
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
  }
}
