#include "virga/deploy/internal/embedded_unpack.h"

// The program's bytes. The path comes from the build.
__asm__(
    ".section .rodata.virga_unpack,\"a\",%progbits\n"
    ".balign 16\n"
    ".globl virga_unpack_begin\n"
    ".hidden virga_unpack_begin\n"
    "virga_unpack_begin:\n"
    ".incbin \"" VIRGA_IMAGE
    "\"\n"
    ".globl virga_unpack_end\n"
    ".hidden virga_unpack_end\n"
    "virga_unpack_end:\n"
    ".previous\n");

extern "C" {
extern const char virga_unpack_begin[];
extern const char virga_unpack_end[];
}

namespace virga::deploy {

std::string_view embedded_unpack() {
  return {virga_unpack_begin, static_cast<std::size_t>(virga_unpack_end - virga_unpack_begin)};
}

}  // namespace virga::deploy
