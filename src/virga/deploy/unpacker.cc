#include "virga/deploy/unpacker.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virga/base/problems.h"
#include "virga/deploy/internal/embedded_unpack.h"
#include "virga/deploy/job.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"

namespace virga::deploy {
namespace {

constexpr std::string_view kProgram = "virga-unpack";
constexpr std::chrono::seconds kTimeLimit{30};
// The archive is mapped and counted, and so is what one file of it is inflated through.
constexpr std::uint64_t kMemory = 256u << 20;

Result<os::Descriptor> memory_file(std::string_view bytes) {
  os::Descriptor file(::memfd_create("archive", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return os::fail_errno("memfd_create");
  if (!os::write_all(file, bytes)) return os::fail_errno("write the archive to memory");
  VIRGA_TRY(os::seal(file, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK, "the archive"));
  return file;
}

}  // namespace

Result<Unpacker> Unpacker::create(io::Loop& loop, runtime::Sandboxes& sandboxes, const std::string& folder) {
  std::string path = folder + "/" + std::string(kProgram);
  VIRGA_TRY(os::make_directories(folder));
  auto present = os::read_file(path);
  if (!present || *present != embedded_unpack()) VIRGA_TRY(os::write_file_durably(path, embedded_unpack(), 0755));
  return Unpacker(loop, sandboxes, folder);
}

io::Task<Result<>> Unpacker::unpack(std::string archive, std::string output) {
  VIRGA_CO_TRY_ASSIGN(auto file, memory_file(archive));
  archive = {};
  sandbox::Spec spec;
  spec.runtime_directory = folder_;
  spec.output_directory = std::move(output);
  spec.arguments = {"/var/runtime/" + std::string(kProgram)};
  spec.limits.memory_bytes = kMemory;
  spec.limits.processes = 4;
  spec.network = sandbox::Network::None;
  auto end = co_await run_job(loop_, sandboxes_, std::move(spec), file.get(), kTimeLimit);
  if (!end) co_return fail(end.error().with_context("unpack the archive"));
  if (end->succeeded()) co_return Result<>();
  if (end->is_late) co_return fail(problem::kArchiveUnpacking, "the archive took longer than 30 s to unpack");
  static constexpr std::string_view kPrefix = "virga-unpack: ";
  if (end->said.starts_with(kPrefix)) co_return fail(ErrorCode::InvalidArgument, end->said.substr(kPrefix.size()));
  if (end->ended.reason == sandbox::EndReason::OutOfMemory) {
    co_return fail(problem::kArchiveUnpacking, "the archive needs more than 256 MiB of memory to unpack");
  }
  co_return fail(ErrorCode::Internal,
                 "unpacking ended with status " + std::to_string(end->ended.status) + ": " + end->said);
}

}  // namespace virga::deploy
