#include "virga/runtime/stem.h"

namespace virga::runtime {

void Stem::contract_booted() {
  has_booted = true;
  settled->set();
}

void Stem::spoil() {
  is_broken = true;
  settled->set();
}

}  // namespace virga::runtime
