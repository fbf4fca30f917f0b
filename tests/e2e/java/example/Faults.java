package example;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

public class Faults {
  public String thrown(Map<String, Object> event) {
    throw new IllegalArgumentException("no such wind");
  }

  public String caused(Map<String, Object> event) {
    try {
      return thrown(event);
    } catch (IllegalArgumentException cause) {
      throw new IllegalStateException("becalmed", cause);
    }
  }

  public int memory(Map<String, Object> event) {
    List<byte[]> kept = new ArrayList<>();
    while (true) kept.add(new byte[1 << 20]);
  }

  public String exit(Map<String, Object> event) {
    System.exit(3);
    return "";
  }

  public String depth(Map<String, Object> event) {
    return depth(event) + "x";
  }

  /** Whose class cannot be initialized. */
  public static class Broken {
    private static final int NUMBER = Integer.parseInt("broken");

    public int number(Map<String, Object> event) {
      return NUMBER;
    }
  }
}
