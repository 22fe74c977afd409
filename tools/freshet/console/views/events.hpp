// What happened, newest first.
#pragma once

#include <memory>

#include "tools/freshet/console/view.hpp"

namespace freshet::cli {

std::unique_ptr<view> make_events_view();

}  // namespace freshet::cli
