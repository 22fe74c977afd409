// The loop at a glance: roles with what they do, links with rates and queues, accuracy over time beside the frozen
// twin, traffic against its budget, the latest events.
#pragma once

#include <memory>

#include "tools/freshet/console/view.hpp"

namespace freshet::cli {

std::unique_ptr<view> make_overview();

}  // namespace freshet::cli
