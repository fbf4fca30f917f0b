#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "virga/io/event.h"
#include "virga/io/stream.h"
#include "virga/model/units.h"
#include "virga/runtime/contracts/frames_channel.h"
#include "virga/runtime/contracts/sink.h"
#include "virga/runtime/runtimes.h"
#include "virga/sandbox/spec.h"

namespace virga::runtime {

// Which functions a stem can serve: those of one runtime, and of one memory limit if the runtime boots for it.
struct StemKind {
  const Runtime* runtime = nullptr;
  std::uint64_t memory_bytes = 0;  // of the sandbox; 0: any
  auto operator<=>(const StemKind&) const = default;
};
// The kind that functions with this runtime and memory limit take; nullopt: stems are nothing for this runtime.
std::optional<StemKind> stem_kind(const Runtime& runtime, model::Bytes memory);
// How a stem of this kind is started; complete but for its id.
sandbox::Spec stem_spec(const StemKind& kind);

// A runtime that was started in a sandbox without a task and waits for its function. It serves one version at most, or
// none. One loop; `frames` is stopped before this is destroyed, by whoever has it then.
class Stem final : public ContractSink {
 public:
  explicit Stem(io::Loop& loop) : settled(std::make_shared<io::Event>(loop)) {}

  std::uint64_t sandbox = 0;
  std::unique_ptr<FramesChannel> frames;
  std::optional<io::Stream> output;
  bool has_booted = false;
  bool is_broken = false;              // it ended, or said what a stem cannot say
  std::shared_ptr<io::Event> settled;  // it has booted, is broken or was taken; shared with who waits for that

 private:
  void contract_booted() override;
  void contract_ready(Speaker, std::uint32_t) override { spoil(); }
  void contract_init_error(std::string_view) override { spoil(); }
  void contract_result(std::uint64_t, std::string_view) override { spoil(); }
  void contract_error(std::uint64_t, std::string_view) override { spoil(); }
  void contract_log(std::uint64_t, std::string_view) override { spoil(); }
  void contract_last() override { spoil(); }
  void contract_closed() override { spoil(); }
  void contract_broken(std::string_view) override { spoil(); }
  void spoil();
};

}  // namespace virga::runtime
