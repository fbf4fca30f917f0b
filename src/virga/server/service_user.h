#pragma once

#include <sys/types.h>

#include <string>

#include "virga/base/result.h"

namespace virga::server {

// Who the daemon is while it serves.
struct ServiceUser {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;
};

// Decides who that is. Not as root: who one is. As root: the user named `asked`; else `usual`, if there is such a user
// and the data folder can be reached by it; else the owner of the data folder (of the nearest folder above that exists,
// as long as there is none). InvalidArgument: `asked` cannot be.
Result<ServiceUser> choose_user(const std::string& asked, const std::string& usual, const std::string& data_directory);

// Makes the data folder, for its owner alone, and returns its real path. Before hand_over().
Result<std::string> make_data_directory(const std::string& data_directory, const ServiceUser& user);
// Gives a data folder of root's, and all in it that is root's, to the user; says so in the log. Nothing to do if the
// user has served it already. No symlink is followed and no other file system entered. Conflict: it is somebody else's.
Result<> hand_over(const std::string& data_directory, const ServiceUser& user);

// Makes this process the owner of the data folder, if it is root and the owner is not: what it then writes there can be
// read by the daemon. For programs that do one thing and end.
Result<> become_owner(const std::string& data_directory);

}  // namespace virga::server
