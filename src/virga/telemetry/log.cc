#include "virga/telemetry/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

namespace virga::log {

std::string_view name(Level level) {
  switch (level) {
    case Level::Error:
      return "error";
    case Level::Warn:
      return "warn";
    case Level::Info:
      return "info";
    case Level::Debug:
      return "debug";
  }
  return "";
}

Result<Level> parse_level(std::string_view text) {
  for (const Level level : {Level::Error, Level::Warn, Level::Info, Level::Debug}) {
    if (text == name(level)) return level;
  }
  return fail(ErrorCode::InvalidArgument, fmt::format("'{}' is no log level: use error, warn, info or debug", text));
}

Value::Value(const Error& error) : variant_(fmt::format("{} ({})", error.message(), virga::name(error.code()))) {}

Value::Value(const Secret&) : variant_(std::string_view("***")) {}

struct Destination::State {
  Sink& sink;
  Level least;
  const Clock& clock;
  State* former;
};

// Where lines go now. Set by Destination alone; see there why it exists.
struct Current {
  using State = Destination::State;
  static std::atomic<State*>& state() {
    static const std::unique_ptr<Sink> stderr_sink = make_stream_sink(STDERR_FILENO);
    static State initial{*stderr_sink, Level::Info, system_clock(), nullptr};
    static std::atomic<State*> current = &initial;
    return current;
  }
  static State& get() { return *state().load(std::memory_order_acquire); }
};

Destination::Destination(Sink& sink, Level least, const Clock& clock)
    : state_(std::make_unique<State>(State{sink, least, clock, &Current::get()})) {
  Current::state().store(state_.get(), std::memory_order_release);
}

Destination::~Destination() {
  Current::state().store(state_->former, std::memory_order_release);
}

bool enabled(Level level) {
  return level <= Current::get().least;
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  auto& state = Current::get();
  if (level > state.least) return;
  state.sink.write(Record{state.clock.wall(), level, event, {fields.begin(), fields.size()}});
}

}  // namespace virga::log
