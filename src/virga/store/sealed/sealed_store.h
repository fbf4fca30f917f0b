#pragma once

#include <memory>

#include "virga/base/secret.h"
#include "virga/store/store.h"

namespace virga::store {

// A store whose values lie encrypted in another one (AES-256-GCM), so that a copy of the disk or a backup tells nobody
// the environment variables of functions. Keys stay readable: they order the records. A value that was moved to another
// key or changed by anything but this is DataLoss. Values written before there was a key are read as they are.
//
// Equal values of one key look equal (the nonce comes from key and value by HMAC-SHA-256), which is what lets
// preconditions compare.
//
// `key`: 32 random bytes. Any thread, as Store says.
Result<std::unique_ptr<Store>> seal(std::unique_ptr<Store> under, const Secret& key);

}  // namespace virga::store
