#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "virga/base/clock.h"
#include "virga/base/error.h"
#include "virga/base/id.h"
#include "virga/base/result.h"
#include "virga/base/secret.h"

// A log line is an event with fields:
//
//   log::warn("instance lost", {{"function", id}, {"error", error}});
//
// The event is a fixed text, so that lines can be counted by it; what varies is a field. Field names are snake_case and
// none of `time`, `level`, `event`. Every function here may be called from any thread, but not from a signal handler
// nor between fork and exec.
namespace virga::log {

enum class Level {
  Error,  // someone must act
  Warn,   // Virga coped
  Info,   // a state changed; never once per invocation
  Debug,  // the rest
};

std::string_view name(Level level);
// "error", "warn", "info", "debug"; InvalidArgument names the four.
Result<Level> parse_level(std::string_view text);

// What a field holds. Texts are borrowed for the length of the call.
class Value {
 public:
  using Variant = std::variant<std::string_view, std::string, std::int64_t, std::uint64_t, double, bool>;

  template <typename T>
    requires std::convertible_to<const T&, std::string_view>
  Value(const T& text) : variant_(std::string_view(text)) {}
  template <std::signed_integral T>
  Value(T number) : variant_(static_cast<std::int64_t>(number)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  Value(T number) : variant_(static_cast<std::uint64_t>(number)) {}
  template <std::floating_point T>
  Value(T number) : variant_(static_cast<double>(number)) {}
  template <std::same_as<bool> T>
  Value(T flag) : variant_(flag) {}
  template <typename Tag>
  Value(const Id<Tag>& id) : variant_(std::string_view(id.text())) {}
  // "MESSAGE (CODE)", as in "no function named hello (not found)".
  Value(const Error& error);
  // In milliseconds, with microseconds behind the point; so name the field `…_ms`.
  template <typename Rep, typename Period>
  Value(std::chrono::duration<Rep, Period> time) : variant_(std::chrono::duration<double, std::milli>(time).count()) {}
  // "***".
  Value(const Secret& secret);

  const Variant& variant() const { return variant_; }

 private:
  Variant variant_;
};

struct Field {
  std::string_view name;
  Value value;
};

// One line on its way to a sink; everything in it is borrowed for the call.
struct Record {
  WallTime time;
  Level level = Level::Info;
  std::string_view event;
  std::span<const Field> fields;
};

// Where lines go. write() is called from any thread, at any time, and must not log.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(const Record& record) = 0;
};

enum class Format {
  Auto,  // Text on a terminal, Json elsewhere
  Text,  // 16:30:56.123 warn  instance lost  function=hello (local time; coloured on a terminal unless NO_COLOR is set)
  Json,  // {"time":"2026-11-23T16:30:56.123Z","level":"warn","event":"instance lost","function":"hello"}
};

// Writes each line to `descriptor` (borrowed) in one piece. On a non-blocking descriptor, a line that the other side
// does not take within 100 ms is lost and counted in a later line: a stuck log reader must not stop the daemon.
std::unique_ptr<Sink> make_stream_sink(int descriptor, Format format = Format::Auto);

// The line as it is written, with its newline. Control characters, bytes that are not UTF-8, and the characters that
// reorder text come out escaped, so that nobody's input can forge a line or drive a terminal.
enum class Colour { Off, On };
std::string to_text(const Record& record, Colour colour = Colour::Off);
std::string to_json(const Record& record);

// Sends the process's lines of `least` and graver to `sink` while this lives; then to where they went before.
// Make it while there is one thread; `sink` and `clock` outlive it. At first, lines of Info and graver go to stderr.
//
// This is process-wide state, and on purpose: a line may have to be written anywhere, and a logger in every constructor
// of every class would cost more clarity than it gives. It is set in one place, and holds nothing but where lines go.
class [[nodiscard]] Destination {
 public:
  Destination(Sink& sink, Level least, const Clock& clock = system_clock());
  ~Destination();
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;

 private:
  struct State;
  friend struct Current;
  std::unique_ptr<State> state_;
};

// Whether a line of this level is written: ask before computing something only for a log line.
bool enabled(Level level);

void write(Level level, std::string_view event, std::initializer_list<Field> fields);
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::Error, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::Warn, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::Info, event, fields);
}
inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::Debug, event, fields);
}

}  // namespace virga::log
