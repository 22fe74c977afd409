#include "actors/access/artefact_keys.hpp"

#include "actors/access/private_file.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace freshet::access {
namespace {

TEST(artefact_keys, are_made_once_and_read_again) {
  const test::temporary_folder folder;
  const auto file = artefact_key_file(folder.path() / "keys");
  EXPECT_EQ(artefact_keys::read(file).err().code, errc::not_found);
  const auto made = artefact_keys::read_or_make(file);
  ASSERT_TRUE(made.ok()) << made.err().text();
  const auto again = artefact_keys::read_or_make(file);
  EXPECT_EQ(again->signer().open_half(), made->signer().open_half());
  EXPECT_EQ(again->trusted(), made->trusted());
  EXPECT_EQ(again->statement_after(1), nullptr);
}

TEST(artefact_keys, a_device_that_was_away_follows_every_change_in_order) {
  const test::temporary_folder folder;
  const auto file = artefact_key_file(folder.path());
  artefact_keys keys = artefact_keys::draw();
  const delta::trust_list first = keys.trusted();
  const delta::key_id old = keys.signer().open_half().id();
  EXPECT_FALSE(keys.revoke(old).ok());  // it signs
  ASSERT_TRUE(keys.rotate().ok());
  EXPECT_NE(keys.signer().open_half().id(), old);
  EXPECT_EQ(keys.trusted().keys.size(), 2U);
  ASSERT_TRUE(keys.revoke(old).ok());
  EXPECT_EQ(keys.revoke(old).err().code, errc::not_found);
  ASSERT_TRUE(keys.write(file).ok());
  const auto read = artefact_keys::read(file);
  ASSERT_TRUE(read.ok()) << read.err().text();
  delta::trust_list device = first;
  std::size_t steps = 0;
  while (const auto* statement = read->statement_after(device.serial)) {
    const auto next = delta::follow_statement(*statement, device);
    ASSERT_TRUE(next.ok()) << next.err().text();
    device = *next;
    ++steps;
  }
  EXPECT_EQ(steps, 2U);
  EXPECT_EQ(device, keys.trusted());
  EXPECT_EQ(device.find(old), nullptr);
}

TEST(artefact_keys, devices_are_given_no_more_keys_than_they_keep) {
  artefact_keys keys = artefact_keys::draw();
  for (int i = 1; i < 8; ++i) ASSERT_TRUE(keys.rotate().ok());
  EXPECT_FALSE(keys.rotate().ok());
}

TEST(artefact_keys, a_file_that_was_changed_is_refused) {
  const test::temporary_folder folder;
  const auto file = artefact_key_file(folder.path());
  artefact_keys keys = artefact_keys::draw();
  ASSERT_TRUE(keys.rotate().ok());
  ASSERT_TRUE(keys.write(file).ok());
  const std::string right = *read_private_file(file);
  for (std::size_t at = 0; at + 1 < right.size(); ++at) {
    std::string bent = right;
    bent[at] = bent[at] == '0' ? '1' : '0';
    ASSERT_TRUE(write_private_file(file, bent, existing::replace).ok());
    EXPECT_FALSE(artefact_keys::read(file).ok()) << at << ": " << bent;
  }
}

}  // namespace
}  // namespace freshet::access
