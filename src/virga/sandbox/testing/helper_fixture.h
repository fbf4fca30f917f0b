#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "virga/os/file.h"
#include "virga/os/socket.h"
#include "virga/sandbox/helper.h"

namespace virga::sandbox {

inline constexpr int kPatience = 20000;  // milliseconds; nothing here takes long unless the machine is busy

// Real sandboxes. As root with root's help; otherwise rootless, if the kernel lets users make namespaces.
class HelperTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = os::TemporaryDirectory::create();
    ASSERT_TRUE(folder);
    folder_.emplace(std::move(*folder));
    auto helper = Helper::start(options(1));
    if (!helper) GTEST_SKIP() << "no sandboxes here: " << helper.error().message();
    helper_.emplace(std::move(*helper));
  }

  // What is below folder_ may be named; nothing else.
  Helper::Options options(std::uint32_t blanks, const char* state = "/state") const {
    return {.state_directory = folder_->path() + state, .blanks = blanks, .writable_folders = {folder_->path()}};
  }

  std::string make_folder(const std::string& name, const std::string& file, const std::string& content) {
    std::filesystem::path path = folder_->path() + "/" + name;
    std::filesystem::create_directories(path);
    std::ofstream(path / file) << content;
    ::chmod(path.c_str(), 0755);
    return path;
  }

  Event next() {
    while (true) {
      auto event = helper_->receive();
      if (!event) {
        ADD_FAILURE() << event.error().message();
        return Usage{};
      }
      if (*event && std::holds_alternative<Notice>(**event)) {
        ++notices_;
        continue;
      }
      if (*event) return std::move(**event);
      pollfd waiting{helper_->descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, kPatience) == 0) {
        ADD_FAILURE() << "no event came";
        return Usage{};
      }
    }
  }

  // The next event, which has to be of this kind.
  template <typename T>
  T expect() {
    Event event = next();
    if (auto* found = std::get_if<T>(&event)) return std::move(*found);
    auto* failed = std::get_if<StartFailed>(&event);
    ADD_FAILURE() << "another event came: " << (failed != nullptr ? failed->error.message() : "");
    if constexpr (std::is_same_v<T, StartFailed> || std::is_same_v<T, BindFailed>) {
      return {0, Error(ErrorCode::Internal, "")};
    } else {
      return {};
    }
  }

  Spec shell(std::string script) {
    Spec spec;
    spec.id = ++last_id_;
    spec.arguments = {"/bin/sh", "-c", std::move(script)};
    spec.environment = {"PATH=/usr/bin:/bin"};
    return spec;
  }

  // Runs a script to its end; what it printed.
  std::string output_of(const Spec& spec, Ended* how = nullptr) {
    auto pipe = os::make_pipe();
    EXPECT_TRUE(pipe);
    auto asked = helper_->start(spec, {.output = pipe->writer.get(), .errors = pipe->writer.get()});
    EXPECT_TRUE(asked) << asked.error().message();
    pipe->writer.reset();
    (void)expect<Started>();
    std::string text;
    char buffer[4096];
    ssize_t size = 0;
    while ((size = ::read(pipe->reader.get(), buffer, sizeof(buffer))) > 0) text.append(buffer, size);
    auto ended = expect<Ended>();
    if (how != nullptr) *how = ended;
    return text;
  }

  std::optional<os::TemporaryDirectory> folder_;
  std::optional<Helper> helper_;
  std::uint64_t last_id_ = 0;
  int notices_ = 0;
};

}  // namespace virga::sandbox
