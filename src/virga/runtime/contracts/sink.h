#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace virga::runtime {

// What a process says through its contract, whichever it speaks. Implemented by Instance. One loop; the views are read
// during the call only.
class ContractSink {
 public:
  virtual ~ContractSink() = default;
  // It is ready for invocations, and wants them in this form. Only the first one counts.
  enum class Speaker { Frames, RuntimeApi };
  // `concurrency`: how many of them it runs at a time; at least 1.
  virtual void contract_ready(Speaker speaker, std::uint32_t concurrency) = 0;
  // Its runtime has booted, and its function is what comes next. At most once, and not every process says it.
  virtual void contract_booted() = 0;
  virtual void contract_init_error(std::string_view error_json) = 0;
  virtual void contract_result(std::uint64_t number, std::string_view payload) = 0;
  virtual void contract_error(std::uint64_t number, std::string_view error_json) = 0;
  virtual void contract_log(std::uint64_t number, std::string_view lines) = 0;
  // Said before the last answer: the process begins nothing more and ends.
  virtual void contract_last() = 0;
  // The process closed its side; nothing more will come from it.
  virtual void contract_closed() = 0;
  // The process said something the contract does not allow; nothing more is read from it.
  virtual void contract_broken(std::string_view why) = 0;
};

}  // namespace virga::runtime
