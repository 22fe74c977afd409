#include "actors/store/database.hpp"

#include "tests/support/temporary_folder.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace freshet::store {
namespace {

const database::migrations people{"create table people (name text primary key, age integer, photo blob)"};

TEST(database, keeps_what_committed_and_only_that) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "people.db";
  const std::vector<std::uint8_t> photo{0, 1, 255, 0};
  {
    auto db = database::open(file, people);
    ASSERT_TRUE(db.ok()) << db.err().text();
    auto add = db->prepare("insert into people values (?, ?, ?)");
    ASSERT_TRUE(add.ok());
    ASSERT_TRUE(db->in_transaction([&] { return add->bind("Ada").bind(~std::uint64_t{0}).bind(photo).run(); }).ok());
    const auto failed = db->in_transaction([&]() -> result<void> {
      FRESHET_TRY(add->bind("Bob").bind(std::int64_t{3}).bind_null().run());
      return {errc::cancelled, "changed my mind"};
    });
    EXPECT_EQ(failed.err().code, errc::cancelled);
    const auto twice = db->in_transaction([&] { return add->bind("Ada").bind(std::int64_t{1}).bind_null().run(); });
    EXPECT_EQ(twice.err().code, errc::invalid_argument);
  }
  auto db = database::open(file, people);
  ASSERT_TRUE(db.ok()) << db.err().text();
  auto all = db->prepare("select name, age, photo from people");
  ASSERT_TRUE(all->step().value());
  EXPECT_EQ(all->text(0), "Ada");
  EXPECT_EQ(all->unsigned_integer(1), ~std::uint64_t{0});
  EXPECT_EQ(all->bytes(2), photo);
  EXPECT_FALSE(all->step().value());
}

TEST(database, is_for_its_owner_only) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "people.db";
  auto db = database::open(file, people);
  ASSERT_TRUE(db.ok());
  ASSERT_TRUE(db->run("insert into people values ('Ada', 1, null)").ok());
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    struct stat seen {};
    ASSERT_EQ(::stat(entry.path().c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777, 0600U) << entry.path();
  }
}

TEST(database, goes_from_form_to_form_and_refuses_later_ones) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "people.db";
  ASSERT_TRUE(database::open(file, people).ok());
  database::migrations more = people;
  more.push_back("alter table people add column town text; create index by_town on people (town)");
  {
    auto db = database::open(file, more);
    ASSERT_TRUE(db.ok()) << db.err().text();
    EXPECT_TRUE(db->run("insert into people (name, town) values ('Ada', 'London')").ok());
  }
  const auto late = database::open(file, people);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.err().code, errc::unsupported);
  EXPECT_NE(late.err().context.find("people.db has form 2"), std::string::npos) << late.err().context;
}

TEST(database, a_step_that_fails_leaves_the_file_as_it_was) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "people.db";
  ASSERT_TRUE(database::open(file, people).ok());
  database::migrations broken = people;
  broken.push_back("create table towns (name text); create nonsense");
  EXPECT_FALSE(database::open(file, broken).ok());
  auto db = database::open(file, people);
  ASSERT_TRUE(db.ok()) << db.err().text();
  EXPECT_FALSE(db->run("select * from towns").ok());
}

TEST(database, refuses_and_keeps_what_is_no_database) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "people.db";
  const std::string garbage(8192, 'x');
  std::ofstream(file) << garbage;
  const auto db = database::open(file, people);
  ASSERT_FALSE(db.ok());
  EXPECT_EQ(db.err().code, errc::corrupt);
  EXPECT_NE(db.err().context.find("people.db"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(file), garbage.size());
}

TEST(database, finds_a_damaged_page) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "people.db";
  {
    auto db = database::open(file, people);
    ASSERT_TRUE(db.ok());
    auto add = db->prepare("insert into people values (?, ?, ?)");
    ASSERT_TRUE(db->in_transaction([&]() -> result<void> {
                    for (int i = 0; i < 200; ++i) {
                      FRESHET_TRY(add->bind("person " + std::to_string(i))
                                      .bind(std::int64_t{i})
                                      .bind(std::vector<std::uint8_t>(500, 7))
                                      .run());
                    }
                    return {};
                  }).ok());
    ASSERT_TRUE(db->run("pragma wal_checkpoint(truncate)").ok());
  }
  {
    std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(4096 * 3);
    damage << std::string(4096, '\xff');
  }
  const auto db = database::open(file, people);
  ASSERT_FALSE(db.ok());
  EXPECT_EQ(db.err().code, errc::corrupt) << db.err().text();
}

TEST(database, a_missing_folder_is_named) {
  const auto db = database::open("/nowhere/at/all/people.db", people);
  ASSERT_FALSE(db.ok());
  EXPECT_EQ(db.err().code, errc::io);
  EXPECT_NE(db.err().context.find("/nowhere/at/all/people.db"), std::string::npos);
}

}  // namespace
}  // namespace freshet::store
