-- name: insert_organization
-- No row: the slug is taken.
insert into kronos.organizations (slug, name, created_at)
values (%(slug)s, %(name)s, kronos.now())
    on conflict (slug) do nothing
returning organization_id, slug, name, version, created_at;

-- name: get_organization
-- By slug or id. No row: no such organization.
select organization_id, slug, name, version, created_at
  from kronos.organizations
 where slug = %(slug)s or organization_id = %(organization_id)s::uuid;

-- name: list_organizations
select organization_id, slug, name, version, created_at
  from kronos.organizations
 where (created_at, organization_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by created_at desc, organization_id desc
 limit %(limit)s;

-- name: update_organization
-- No row: no such organization, or its version is not in %(if_match)s.
update kronos.organizations
   set name = %(name)s, version = version + case when name <> %(name)s then 1 else 0 end
 where (slug = %(slug)s or organization_id = %(organization_id)s::uuid)
   and (%(if_match)s::integer[] is null or version = any (%(if_match)s::integer[]))
returning organization_id, slug, name, version, created_at;
