// Every role: rates, how busy it is, waiting and service times, mailbox, restarts, memory of its process.
#pragma once

#include "tools/freshet/console/view.hpp"

#include <memory>

namespace freshet::cli {

std::unique_ptr<view> make_roles_view();

}  // namespace freshet::cli
