#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "virga/io/event.h"
#include "virga/io/stream.h"
#include "virga/runtime/contracts/frames_channel.h"
#include "virga/runtime/contracts/sink.h"

namespace virga::runtime {

// A process that has loaded a version's code, or is about to, and belongs to no instance: a template, or a fork that
// waits for its instance. One loop; `frames` is stopped before this is destroyed, by whoever has it then.
class LoadedProcess final : public ContractSink {
 public:
  enum class Kind { Template, Fork };

  LoadedProcess(io::Loop& loop, Kind of_kind) : kind(of_kind), settled(loop) {}

  const Kind kind;
  std::uint64_t sandbox = 0;
  std::unique_ptr<FramesChannel> frames;  // null in tests
  std::optional<io::Stream> output;
  bool is_ready = false;
  bool is_broken = false;          // it ended, failed to load, or said what such a process cannot say
  std::string error_type;          // of INIT_ERROR; "": it said none
  std::string error;               // its message
  std::string log;                 // what it wrote, at most kMostLog
  std::uint64_t memory_bytes = 0;  // what it held when it was ready; 0: not known
  io::Event settled;               // it is ready or broken
  std::function<void()> on_break;  // may be empty; called at the moment, and must not destroy this

  static constexpr std::size_t kMostLog = 64u << 10;

  void add_log(std::string_view text);
  // It has ended.
  void spoil();

 private:
  void contract_ready(Speaker, std::uint32_t) override;
  void contract_booted() override {}
  void contract_init_error(std::string_view error_json) override;
  void contract_result(std::uint64_t, std::string_view) override { spoil(); }
  void contract_error(std::uint64_t, std::string_view) override { spoil(); }
  void contract_log(std::uint64_t, std::string_view lines) override;
  void contract_last() override { spoil(); }
  void contract_closed() override { spoil(); }
  void contract_broken(std::string_view) override { spoil(); }
};

}  // namespace virga::runtime
