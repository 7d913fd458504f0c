-- retention_ages: the ages in days that are in use, those of the instance and of workspaces with their own.
create or replace function kronos.retention_ages() returns table (days integer)
language sql stable rows 4 set search_path = pg_catalog, pg_temp
as $$
    select age.days
      from kronos.retention as instance
      left join kronos.workspace_retention as own on true
     cross join lateral (values (instance.success_days), (instance.failure_days), (own.success_days),
                         (own.failure_days)) as age (days)
     where age.days is not null
     group by age.days
$$;
