#include "tools/freshet/console/view.hpp"
#include "tools/freshet/console/views/events.hpp"
#include "tools/freshet/console/views/fleet.hpp"
#include "tools/freshet/console/views/overview.hpp"
#include "tools/freshet/console/views/roles.hpp"

namespace freshet::cli {

std::vector<std::unique_ptr<view>> all_views() {
  std::vector<std::unique_ptr<view>> all;
  all.push_back(make_overview());
  all.push_back(make_fleet_view());
  all.push_back(make_roles_view());
  all.push_back(make_events_view());
  return all;
}

}  // namespace freshet::cli
