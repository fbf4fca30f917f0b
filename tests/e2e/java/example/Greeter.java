package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

/** The usual form: an interface of aws-lambda-java-core. */
public class Greeter implements RequestHandler<Map<String, String>, String> {
  private static int calls = 0;

  @Override
  public String handleRequest(Map<String, String> event, Context context) {
    context.getLogger().log("greeting " + event.get("name"));
    System.out.println("printed by " + context.getFunctionName());
    calls++;
    return System.getenv("GREETING") + ", " + event.get("name") + "! call " + calls;
  }
}
