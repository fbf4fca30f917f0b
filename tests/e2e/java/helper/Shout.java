package helper;

/** What a function brings in a jar. */
public final class Shout {
  private Shout() {}

  public static String louder(String text) {
    return text.toUpperCase() + "!";
  }
}
