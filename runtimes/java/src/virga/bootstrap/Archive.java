package virga.bootstrap;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * Loads what the first invocation of a function will need, so that the JVM writes it into a class archive when this ends
 * (-XX:ArchiveClassesAtExit). Classes are loaded and not initialized: no code of the function runs.
 */
public final class Archive {
  private static final int MOST_CLASSES = 4000;
  private static final long TIME_LIMIT = 8_000_000_000L; // ns; what is not loaded by then is left out

  private final Deque<String> waiting = new ArrayDeque<>();
  private final Set<String> seen = new HashSet<>();

  private Archive() {}

  public static void main(String[] arguments) throws Exception {
    Rehearsal.run();
    Rehearsal.invoke();
    for (String name : new String[] {"Main", "Host", "Frames"}) {
      Class.forName("virga.bootstrap." + name, false, Archive.class.getClassLoader()).getDeclaredConstructors();
    }
    ClassLoader loader = Rehearsal.newCustomerLoader();
    String handler = System.getenv("_HANDLER");
    int method = handler.indexOf("::");
    new Archive().load(loader, method < 0 ? handler : handler.substring(0, method));
  }

  /** The class and all that it refers to, in the order in which that is found. */
  private void load(ClassLoader loader, String first) {
    long end = System.nanoTime() + TIME_LIMIT;
    add(first);
    for (int count = 0; count < MOST_CLASSES && !waiting.isEmpty() && System.nanoTime() < end; count++) {
      String name = waiting.remove();
      try {
        // Of the JDK and of the client, those that are named are enough.
        Class<?> loaded = Class.forName(name, false, loader);
        if (loaded.getClassLoader() != loader) continue;
        addReferences(loader, name);
        loaded.getDeclaredConstructors(); // links it, without which it stays out of the archive
      } catch (ClassNotFoundException | LinkageError | SecurityException | IOException missing) {
        // Not used on the way of this function, or its error at the first call.
      }
    }
  }

  private void add(String name) {
    if (seen.add(name)) waiting.add(name);
  }

  /** The names in a class file's constant pool (Java Virtual Machine Specification, 4.4). */
  private void addReferences(ClassLoader loader, String name) throws IOException {
    try (InputStream file = loader.getResourceAsStream(name.replace('.', '/') + ".class")) {
      if (file == null) return;
      DataInputStream in = new DataInputStream(new java.io.BufferedInputStream(file));
      in.readLong(); // magic and version
      int size = in.readUnsignedShort();
      String[] texts = new String[size];
      int[] classes = new int[size];
      for (int index = 1; index < size; index++) {
        int tag = in.readUnsignedByte();
        switch (tag) {
          case 1: texts[index] = in.readUTF(); break;
          case 7: classes[index] = in.readUnsignedShort(); break;
          case 8: case 16: case 19: case 20: in.readUnsignedShort(); break;
          case 15: in.readByte(); in.readUnsignedShort(); break;
          case 3: case 4: case 9: case 10: case 11: case 12: case 17: case 18: in.readInt(); break;
          case 5: case 6: in.readLong(); index++; break;
          default: throw new IOException("constant pool tag " + tag);
        }
      }
      for (int text : classes) {
        if (text != 0 && texts[text] != null && texts[text].charAt(0) != '[') add(texts[text].replace('/', '.'));
      }
    }
  }
}
