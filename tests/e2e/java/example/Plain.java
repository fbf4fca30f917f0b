package example;

import com.amazonaws.services.lambda.runtime.Context;
import helper.Shout;
import java.io.File;
import java.util.Map;

/** Methods that are named in the handler setting and implement nothing. */
public class Plain {
  public static class Person {
    private String name;
    private int age;

    public String getName() {
      return name;
    }

    public void setName(String value) {
      name = value;
    }

    public int getAge() {
      return age;
    }

    public void setAge(int value) {
      age = value;
    }
  }

  public Person older(Person person) {
    person.setAge(person.getAge() + 1);
    return person;
  }

  public Map<String, Object> where(Map<String, Object> event, Context context) {
    return Map.of(
        "folder", new File("x").getAbsolutePath(),
        "home", System.getenv("HOME"),
        "arn", context.getInvokedFunctionArn(),
        "memory", context.getMemoryLimitInMB(),
        "heap", Runtime.getRuntime().maxMemory() >> 20,
        "remaining", context.getRemainingTimeInMillis(),
        "encoding", System.getProperty("file.encoding"),
        "execution", System.getenv("AWS_EXECUTION_ENV"),
        "option", System.getProperty("option", "none"));
  }

  public String shout(String text) {
    return Shout.louder(text);
  }
}
