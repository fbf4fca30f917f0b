#include "virga/deploy/internal/embedded_unpack.h"

// The program's bytes. The path comes from the build.
__asm__(
    ".section .rodata.virga_unpack,\"a\",%progbits\n"
    ".balign 16\n"
    ".globl kUnpackBegin\n"
    ".hidden kUnpackBegin\n"
    "kUnpackBegin:\n"
    ".incbin \"" VIRGA_IMAGE
    "\"\n"
    ".globl kUnpackEnd\n"
    ".hidden kUnpackEnd\n"
    "kUnpackEnd:\n"
    ".previous\n");

extern "C" {
extern const char kUnpackBegin[];
extern const char kUnpackEnd[];
}

namespace virga::deploy {

std::string_view embedded_unpack() {
  return {kUnpackBegin, static_cast<std::size_t>(kUnpackEnd - kUnpackBegin)};
}

}  // namespace virga::deploy
