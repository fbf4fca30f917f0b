#include "virga/sandbox/confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "virga/os/file.h"
#include "virga/os/socket.h"
#include "virga/sandbox/internal/landlock.h"

namespace virga::sandbox {
namespace {

const char* word(bool done) {
  return done ? "yes" : ::strerrorname_np(errno);
}

const char* can_write(const std::string& path) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const char* answer = word(fd >= 0);
  if (fd >= 0) ::close(fd);
  return answer;
}

const char* can_read(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const char* answer = word(fd >= 0);
  if (fd >= 0) ::close(fd);
  return answer;
}

class ConfinementTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = os::TemporaryDirectory::create();
    ASSERT_TRUE(folder);
    folder_.emplace(std::move(*folder));
    ASSERT_EQ(::chmod(folder_->path().c_str(), 0755), 0);
    for (const char* name : {"data", "runtimes", "elsewhere"}) {
      std::filesystem::create_directories(path(name));
      std::ofstream(path(name) + "/file") << name;
    }
    confinement_.writable_folder = path("data");
    confinement_.readable_folders = {path("runtimes")};
  }

  std::string path(const std::string& name) const { return folder_->path() + "/" + name; }

  // What `work` says in a process of its own, before it is confined and after.
  std::string in_child(const std::function<void(std::ostream&)>& work, bool confined) {
    auto pipe = os::make_pipe();
    EXPECT_TRUE(pipe);
    pid_t child = ::fork();
    if (child == 0) {
      std::ostringstream said;
      auto gaps = confined ? confine(confinement_) : Result<Gaps>(Gaps());
      if (!gaps) said << gaps.error().message();
      if (gaps) work(said);
      (void)!::write(pipe->writer.get(), said.str().data(), said.str().size());
      ::_exit(0);
    }
    pipe->writer.reset();
    std::string text;
    char buffer[4096];
    ssize_t size = 0;
    while ((size = ::read(pipe->reader.get(), buffer, sizeof(buffer))) > 0) text.append(buffer, size);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    return text;
  }
  std::string before(const std::function<void(std::ostream&)>& work) { return in_child(work, false); }
  std::string after(const std::function<void(std::ostream&)>& work) { return in_child(work, true); }

  static bool has_landlock() { return landlock::abi() >= landlock::kMovesFiles; }

  std::optional<os::TemporaryDirectory> folder_;
  Confinement confinement_;
};

TEST_F(ConfinementTest, LeavesNoCapabilityAndNoWayToOne) {
  auto look = [](std::ostream& out) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("Cap") || line.starts_with("NoNewPrivs") || line.starts_with("Uid")) out << line << "\n";
    }
    out << "dumpable " << ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) << "\n";
  };
  if (::geteuid() == 0) confinement_.identity = {12345, 12346};
  auto text = after(look);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_NE(text.find(std::string(set) + ":\t0000000000000000\n"), text.npos) << text;
  }
  EXPECT_NE(text.find("NoNewPrivs:\t1\n"), text.npos) << text;
  EXPECT_NE(text.find("dumpable 0\n"), text.npos) << text;
  if (::geteuid() != 0) return;
  EXPECT_NE(text.find("CapBnd:\t0000000000000000\n"), text.npos) << text;
  EXPECT_NE(text.find("Uid:\t12345\t12345\t12345\t12345\n"), text.npos) << text;
}

TEST_F(ConfinementTest, WritesInItsFolderOnly) {
  auto look = [&](std::ostream& out) {
    out << "data " << can_write(path("data/new")) << ", moved "
        << word(::mkdir(path("data/sub").c_str(), 0700) == 0 &&
                ::rename(path("data/new").c_str(), path("data/sub/new").c_str()) == 0)
        << ", elsewhere " << can_write(path("elsewhere/new")) << ", runtimes " << can_write(path("runtimes/file"))
        << ", mode " << word(::chmod(path("elsewhere/file").c_str(), 0666) == 0) << ", /dev/null "
        << can_write("/dev/null");
  };
  EXPECT_EQ(before(look), "data yes, moved yes, elsewhere yes, runtimes yes, mode yes, /dev/null yes");
  std::filesystem::remove_all(path("data/sub"));
  if (::geteuid() == 0) {
    EXPECT_EQ(after(look), "data yes, moved yes, elsewhere EROFS, runtimes EROFS, mode EROFS, /dev/null yes");
  } else if (has_landlock()) {
    EXPECT_EQ(after(look), "data yes, moved yes, elsewhere EACCES, runtimes EACCES, mode yes, /dev/null yes");
  }
}

TEST_F(ConfinementTest, ReadsWhatItWasGiven) {
  if (!has_landlock()) GTEST_SKIP() << "this kernel has no Landlock";
  auto look = [&](std::ostream& out) {
    out << can_read(path("data/file")) << " " << can_read(path("runtimes/file")) << " "
        << can_read(path("elsewhere/file")) << " " << can_read("/etc/passwd") << " " << can_read("/proc/self/stat");
  };
  EXPECT_EQ(before(look), "yes yes yes yes yes");
  EXPECT_EQ(after(look), "yes yes EACCES EACCES yes");
}

TEST_F(ConfinementTest, SignalsNobodyElse) {
  if (landlock::abi() < landlock::kScopesSignals) GTEST_SKIP() << "this kernel's Landlock does not fence signals";
  auto look = [parent = ::getpid()](std::ostream& out) { out << word(::kill(parent, 0) == 0); };
  EXPECT_EQ(before(look), "yes");
  EXPECT_EQ(after(look), "EPERM");
}

TEST_F(ConfinementTest, StartsNoProgramsAndReachesNoLocalServices) {
  auto look = [parent = ::getpid()](std::ostream& out) {
    auto family = [&](int which) {
      os::Descriptor socket(::socket(which, SOCK_STREAM | SOCK_CLOEXEC, 0));
      return word(socket.valid());
    };
    out << "unix " << family(AF_UNIX) << ", internet " << family(AF_INET) << " " << family(AF_INET6) << ", pair "
        << word(os::socket_pair(SOCK_STREAM).has_value()) << ", own limits "
        << word(::prlimit(0, RLIMIT_NOFILE, nullptr, nullptr) == 0) << ", another's "
        << word(::prlimit(parent, RLIMIT_NOFILE, nullptr, nullptr) == 0);
    // A device that is no terminal says ENOTTY; the filter answers before it.
    os::Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    char key = 'x';
    out << ", typing " << word(::ioctl(null.get(), TIOCSTI, &key) == 0);
    pid_t child = ::fork();
    if (child == 0) {
      char* const arguments[] = {const_cast<char*>("true"), nullptr};
      ::execv("/bin/true", arguments);
      ::_exit(errno == EPERM ? 3 : 4);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    out << ", exec " << WEXITSTATUS(status);
  };
  EXPECT_EQ(before(look), "unix yes, internet yes yes, pair yes, own limits yes, another's yes, typing ENOTTY, exec 0");
  EXPECT_EQ(after(look),
            "unix EAFNOSUPPORT, internet yes yes, pair yes, own limits yes, another's EPERM, typing EPERM, exec 3");
}

}  // namespace
}  // namespace virga::sandbox
