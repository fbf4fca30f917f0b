// /tmp of sandboxes: memory, or a disk of their own.

#include <unistd.h>

#include "virga/sandbox/testing/helper_fixture.h"

namespace virga::sandbox {
namespace {

TEST_F(HelperTest, GivesALargeTmpADiskOfItsOwn) {
  Spec spec = shell(
      "cd /tmp && echo $(ls -A | wc -l) files && stat -c '%u %a' . && head -c 60M /dev/zero > a && "
      "head -c 60M /dev/zero > b 2>/dev/null; stat -c %s a; [ $(stat -c %s b) -lt 62914560 ] && echo full");
  spec.limits.memory_bytes = 32u << 20;
  spec.limits.tmp_bytes = 100u << 20;
  Ended ended;
  std::string output = output_of(spec, &ended);
  if (notices_ > 0) GTEST_SKIP() << "no disks for /tmp on this machine";
  if (!helper_->is_root()) GTEST_SKIP() << "disks for /tmp need root";
  EXPECT_EQ(output, "0 files\n1000 1777\n62914560\nfull\n");
  EXPECT_EQ(ended.reason, EndReason::Exited);
  EXPECT_EQ(ended.oom_kills, 0u);
  // The next sandbox finds nothing of it.
  EXPECT_EQ(output_of(spec), output);
}

TEST_F(HelperTest, GivesASmallTmpFromMemory) {
  Spec spec = shell("stat -f -c %T /tmp");
  spec.limits.tmp_bytes = 1u << 20;
  EXPECT_EQ(output_of(spec), "tmpfs\n");
}

TEST_F(HelperTest, GivesABoundStemADiskOfItsOwn) {
  if (!helper_->is_root()) GTEST_SKIP() << "disks for /tmp need root";
  Spec stem = shell(
      "until test -e /var/task/f; do read -t 0.01 x; done; cd /tmp && ls -A | wc -l && head -c 60M /dev/zero > a && "
      "stat -c '%s %u' a; rm a");
  stem.arguments[0] = "/bin/bash";
  stem.stage = Stage::Stem;
  stem.limits.tmp_bytes = 100u << 20;
  auto pipe = os::make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_TRUE(helper_->start(stem, {.output = pipe->writer.get()}));
  pipe->writer.reset();
  (void)expect<Started>();
  if (notices_ > 0) GTEST_SKIP() << "no disks for /tmp on this machine";
  Binding binding;
  binding.id = stem.id;
  binding.code_directory = make_folder("code", "f", "");
  binding.limits.memory_bytes = 32u << 20;
  binding.limits.tmp_bytes = 200u << 20;
  ASSERT_TRUE(helper_->bind(binding));
  EXPECT_EQ(expect<BindFailed>().error.code(), ErrorCode::Conflict);
  binding.limits.tmp_bytes = 100u << 20;
  ASSERT_TRUE(helper_->bind(binding));
  (void)expect<Bound>();
  std::string text;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = ::read(pipe->reader.get(), buffer, sizeof(buffer))) > 0) text.append(buffer, size);
  EXPECT_EQ(expect<Ended>().oom_kills, 0u);
  EXPECT_EQ(text, "0\n62914560 1000\n");
}

}  // namespace
}  // namespace virga::sandbox
