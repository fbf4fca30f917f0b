package virga.bootstrap;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** The body of a BIND frame: a JSON object of which three members matter here. Virga writes it, so what is no JSON is a bug. */
final class Bind {
  final String handler;
  final String taskRoot;
  final Map<String, String> environment;

  private Bind(Map<String, Object> members) {
    handler = (String) members.get("handler");
    taskRoot = (String) members.get("task_root");
    environment = new HashMap<>();
    for (Map.Entry<?, ?> variable : ((Map<?, ?>) members.get("environment")).entrySet()) {
      environment.put((String) variable.getKey(), (String) variable.getValue());
    }
  }

  static Bind parse(byte[] body) {
    return new Bind(new Parser(new String(body, StandardCharsets.UTF_8)).object());
  }

  /** Objects, strings and bare words: all that BIND is made of. A library would be loaded at each start. */
  private static final class Parser {
    private final String text;
    private int at = 0;

    Parser(String text) {
      this.text = text;
    }

    Map<String, Object> object() {
      Map<String, Object> members = new HashMap<>();
      expect('{');
      if (peek() == '}') {
        at++;
        return members;
      }
      while (true) {
        String name = string();
        expect(':');
        char first = peek();
        members.put(name, first == '"' ? string() : first == '{' ? object() : word());
        if (peek() != ',') break;
        at++;
      }
      expect('}');
      return members;
    }

    private String string() {
      expect('"');
      StringBuilder value = new StringBuilder();
      while (true) {
        char next = text.charAt(at++);
        if (next == '"') return value.toString();
        if (next != '\\') {
          value.append(next);
          continue;
        }
        char escaped = text.charAt(at++);
        switch (escaped) {
          case 'b': value.append('\b'); break;
          case 'f': value.append('\f'); break;
          case 'n': value.append('\n'); break;
          case 'r': value.append('\r'); break;
          case 't': value.append('\t'); break;
          case 'u':
            value.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
            at += 4;
            break;
          default: value.append(escaped);
        }
      }
    }

    private String word() {
      int begin = at;
      while (",}".indexOf(text.charAt(at)) < 0) at++;
      return text.substring(begin, at).trim();
    }

    private char peek() {
      while (Character.isWhitespace(text.charAt(at))) at++;
      return text.charAt(at);
    }

    private void expect(char wanted) {
      if (peek() != wanted) throw new IllegalArgumentException("BIND: no '" + wanted + "' at " + at);
      at++;
    }
  }
}
