// What happened, newest first.
#pragma once

#include "tools/freshet/console/view.hpp"

#include <memory>

namespace freshet::cli {

std::unique_ptr<view> make_events_view();

}  // namespace freshet::cli
